// Commands about what is on disk: FLUSH, SNAPSHOT, SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE, WAITAOF; and SHUTDOWN, which
// saves before it ends the server.
//
// Thread rule: any worker; no shard is locked. What takes long is begun here and answered by a Waiter.

#include "commands/persistence.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "commands/args.h"
#include "commands/errors.h"
#include "commands/families.h"
#include "commands/waiter.h"

namespace kvstore::commands {
namespace {

constexpr std::string_view kNoPersistence = "No persistence enabled";
constexpr std::string_view kSnapshotSaved = "Snapshot saved to kvstore.db.snapshot";
constexpr std::string_view kSaveInProgress = "Background save already in progress";

// Waits until everything before it is on disk.
class SyncWaiter final : public Waiter {
 public:
  explicit SyncWaiter(Persistence& persistence) : persistence_(persistence), lsn_(persistence.request_sync()) {}
  bool answer(protocol::ReplyWriter& reply, std::int64_t /*now_us*/) override {
    if (persistence_.durable_lsn() < lsn_) return false;
    reply.message("All data flushed to disk");
    return true;
  }

 private:
  Persistence& persistence_;
  const store::Lsn lsn_;
};

// Waits for a snapshot of everything before it, and says how it went.
class SnapshotWaiter final : public Waiter {
 public:
  SnapshotWaiter(Persistence& persistence, bool native)
      : persistence_(persistence), number_(persistence.request_snapshot()), native_(native) {}
  bool answer(protocol::ReplyWriter& reply, std::int64_t /*now_us*/) override {
    const std::optional<Status> result = persistence_.snapshot_result(number_);
    if (!result) return false;
    if (!result->ok()) {
      reply.error(result->message());
    } else if (native_) {
      reply.message(kSnapshotSaved);
    } else {
      reply.ok();
    }
    return true;
  }

 private:
  Persistence& persistence_;
  const std::uint64_t number_;
  const bool native_;
};

void flush(CommandContext& context) {
  Persistence& persistence = context.server.persistence();
  if (!persistence.enabled()) return context.reply.message(kNoPersistence);
  context.client.wait_for(std::make_unique<SyncWaiter>(persistence));
}

void snapshot(CommandContext& context) {
  Persistence& persistence = context.server.persistence();
  if (!persistence.enabled()) return context.reply.message(kNoPersistence);
  context.client.wait_for(std::make_unique<SnapshotWaiter>(persistence, /*native=*/true));
}

void save(CommandContext& context) {
  Persistence& persistence = context.server.persistence();
  if (!persistence.enabled()) return context.reply.error(kNoPersistence);
  if (persistence.snapshot_in_progress()) return context.reply.error(kSaveInProgress);
  context.client.wait_for(std::make_unique<SnapshotWaiter>(persistence, /*native=*/false));
}

void bgsave(CommandContext& context) {
  bool schedule = false;
  if (context.args.size() == 2 && base::equals_ignoring_case(context.args[1], "SCHEDULE")) {
    schedule = true;
  } else if (context.args.size() > 1) {
    return context.reply.error(errors::kSyntax);
  }
  Persistence& persistence = context.server.persistence();
  if (!persistence.enabled()) return context.reply.error(kNoPersistence);
  const bool in_progress = persistence.snapshot_in_progress();
  if (in_progress && !schedule) return context.reply.error(kSaveInProgress);
  static_cast<void>(persistence.request_snapshot());
  context.reply.simple(in_progress ? "Background saving scheduled" : "Background saving started");
}

// Our log is rewritten by a snapshot.
void bgrewriteaof(CommandContext& context) {
  Persistence& persistence = context.server.persistence();
  if (!persistence.enabled()) return context.reply.error(kNoPersistence);
  const bool in_progress = persistence.snapshot_in_progress();
  static_cast<void>(persistence.request_snapshot());
  context.reply.simple(in_progress ? "Background append only file rewriting scheduled"
                                   : "Background append only file rewriting started");
}

void lastsave(CommandContext& context) { context.reply.integer(context.server.persistence().last_save_s()); }

// --- WAITAOF ---------------------------------------------------------------------------------------------------------

class WaitaofWaiter final : public Waiter {
 public:
  // deadline_us 0: for ever.
  WaitaofWaiter(Persistence& persistence, std::int64_t local, std::int64_t replicas, std::int64_t deadline_us)
      : persistence_(persistence),
        lsn_(persistence.request_sync()),
        local_(local),
        replicas_(replicas),
        deadline_us_(deadline_us) {}
  bool answer(protocol::ReplyWriter& reply, std::int64_t now_us) override {
    const std::int64_t local = persistence_.durable_lsn() >= lsn_ ? 1 : 0;
    const bool reached = local >= local_ && replicas_ == 0;  // there are no replicas yet
    if (!reached && (deadline_us_ == 0 || now_us < deadline_us_)) return false;
    reply.array(2);
    reply.integer(local);
    reply.integer(0);
    return true;
  }

 private:
  Persistence& persistence_;
  const store::Lsn lsn_;
  const std::int64_t local_;
  const std::int64_t replicas_;
  const std::int64_t deadline_us_;
};

void waitaof(CommandContext& context) {
  const std::optional<std::int64_t> local = read_integer(context, context.args[1]);
  if (!local) return;
  if (*local < 0 || *local > 1) return context.reply.error("value is out of range, value must between 0 and 1");
  const std::optional<std::int64_t> replicas = read_integer(context, context.args[2]);
  if (!replicas) return;
  if (*replicas < 0) return context.reply.error("value is out of range, must be positive");
  const std::optional<std::int64_t> timeout_ms = base::parse_int64(context.args[3]);
  if (!timeout_ms || *timeout_ms > (INT64_MAX - context.now_us) / 1000) {
    return context.reply.error("timeout is not an integer or out of range");
  }
  if (*timeout_ms < 0) return context.reply.error("timeout is negative");
  Persistence& persistence = context.server.persistence();
  if (!persistence.enabled()) {
    if (*local > 0) {
      return context.reply.error("WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
    }
    context.reply.array(2);
    context.reply.integer(0);
    context.reply.integer(0);
    return;
  }
  const std::int64_t deadline_us = *timeout_ms == 0 ? 0 : context.now_us + *timeout_ms * 1000;
  context.client.wait_for(std::make_unique<WaitaofWaiter>(persistence, *local, *replicas, deadline_us));
}

// --- SHUTDOWN --------------------------------------------------------------------------------------------------------

void end_server(ServerControl& server, Client& client, protocol::ReplyWriter& reply) {
  // A RESP client takes the end of the connection for the answer.
  if (client.protocol() == Protocol::kJson) reply.message("Server shutting down");
  client.close_after_reply();
  server.request_shutdown();
}

// Ends the server once everything is in a snapshot.
class ShutdownWaiter final : public Waiter {
 public:
  ShutdownWaiter(CommandContext& context, bool force)
      : server_(context.server),
        client_(context.client),
        number_(context.server.persistence().request_snapshot()),
        aborted_before_(context.server.begin_shutdown()),
        force_(force) {}
  ~ShutdownWaiter() override { server_.end_shutdown(); }
  bool answer(protocol::ReplyWriter& reply, std::int64_t /*now_us*/) override {
    if (server_.shutdowns_aborted() != aborted_before_) {
      reply.error("Errors trying to SHUTDOWN. Check logs.");
      return true;
    }
    const std::optional<Status> result = server_.persistence().snapshot_result(number_);
    if (!result) return false;
    if (!result->ok() && !force_) {
      reply.error("Errors trying to SHUTDOWN. Check logs.");
    } else {
      end_server(server_, client_, reply);
    }
    return true;
  }

 private:
  ServerControl& server_;
  Client& client_;
  const std::uint64_t number_;
  const std::uint64_t aborted_before_;
  const bool force_;
};

void shutdown(CommandContext& context) {
  bool save = false;
  bool no_save = false;
  bool abort = false;
  bool force = false;
  ArgReader options(context, 1);
  while (options.more()) {
    if (options.word("SAVE")) {
      save = true;
    } else if (options.word("NOSAVE")) {
      no_save = true;
    } else if (options.word("ABORT")) {
      abort = true;
    } else if (options.word("FORCE")) {
      force = true;
    } else if (!options.word("NOW")) {  // there are no replicas to wait for
      options.fail(errors::kSyntax);
    }
  }
  if ((save && no_save) || (abort && context.args.size() > 2)) options.fail(errors::kSyntax);
  const bool persists = context.server.persistence().enabled();
  if (save && !persists && !force) options.fail("SHUTDOWN SAVE is not possible: no persistence is enabled");
  if (!options.finish()) return;
  if (abort) {
    return context.server.abort_shutdowns() ? context.reply.ok() : context.reply.error("No shutdown in progress.");
  }
  // While loading there is nothing to save: the files hold more than the memory.
  if (persists && !no_save && context.server.persistence().loaded())
    return context.client.wait_for(std::make_unique<ShutdownWaiter>(context, force));
  end_server(context.server, context.client, context.reply);
}

// --- the table -------------------------------------------------------------------------------------------------------

constexpr std::string_view kAdminCategories = "@admin @slow @dangerous";

constexpr auto kRows = std::to_array<Command>({
    {.name = "bgrewriteaof",
     .handler = bgrewriteaof,
     .arity = 1,
     .flags = kAdmin | kNoScript,
     .summary = "Has the log shortened in the background, by a snapshot.",
     .since = "1.0.0",
     .group = "server",
     .complexity = "O(1)",
     .acl_categories = kAdminCategories},
    {.name = "bgsave",
     .handler = bgsave,
     .arity = -1,
     .flags = kAdmin | kNoScript,
     .syntax = "[SCHEDULE]",
     .summary = "Has all data written to the snapshot file in the background.",
     .since = "1.0.0",
     .group = "server",
     .complexity = "O(1)",
     .acl_categories = kAdminCategories},
    {.name = "flush",
     .handler = flush,
     .arity = 1,
     .flags = kAdmin | kNoScript | kMayWait,
     .summary = "Waits until every write before it is on disk. It removes nothing.",
     .since = "0.1.0",
     .group = "server",
     .complexity = "O(1)",
     .acl_categories = kAdminCategories},
    {.name = "lastsave",
     .handler = lastsave,
     .arity = 1,
     .flags = kLoading | kStale | kFast,
     .summary = "Answers when the last snapshot was complete, in seconds since 1970.",
     .since = "1.0.0",
     .group = "server",
     .complexity = "O(1)",
     .acl_categories = "@admin @fast @dangerous",
     .tips = "nondeterministic_output"},
    {.name = "save",
     .handler = save,
     .arity = 1,
     .flags = kAdmin | kNoScript | kNoMulti | kMayWait,
     .summary = "Writes all data to the snapshot file and answers when it is complete; others are served meanwhile.",
     .since = "1.0.0",
     .group = "server",
     .complexity = "O(N) where N is the number of keys",
     .acl_categories = kAdminCategories},
    {.name = "shutdown",
     .handler = shutdown,
     .arity = -1,
     .flags = kAdmin | kNoScript | kLoading | kStale | kNoMulti | kAllowBusy | kMayWait,
     .syntax = "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
     .summary = "Ends the server in good order, with a snapshot unless NOSAVE is given.",
     .since = "1.0.0",
     .group = "server",
     .complexity = "O(N) where N is the number of keys when saving",
     .acl_categories = kAdminCategories},
    {.name = "snapshot",
     .handler = snapshot,
     .arity = 1,
     .flags = kAdmin | kNoScript | kMayWait,
     .summary = "Writes all data to the snapshot file and answers when it is complete; others are served meanwhile.",
     .since = "0.1.0",
     .group = "server",
     .complexity = "O(N) where N is the number of keys",
     .acl_categories = kAdminCategories},
    {.name = "waitaof",
     .handler = waitaof,
     .arity = 4,
     .flags = kNoScript | kMayWait,
     .syntax = "numlocal numreplicas timeout",
     .summary = "Waits until every write before it is on disk here (numlocal 1), for `timeout` milliseconds at most.",
     .since = "7.2.0",
     .group = "generic",
     .complexity = "O(1)",
     .acl_categories = "@slow @connection"},
});

}  // namespace

std::span<const Command> persistence_commands() { return kRows; }

}  // namespace kvstore::commands
