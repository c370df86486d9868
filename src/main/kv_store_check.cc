// kv_store_check: looks at a data directory while no server uses it, says what is in it and whether it is whole, and
// copies it as it was at an LSN. --help has the options.
//
// Exit status: 0 all is well, 3 something is damaged, 1 anything else. The last line on standard output is the verdict.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "durability/data_check.h"
#include "durability/data_cut.h"
#include "durability/storage.h"
#include "env/clock.h"
#include "env/posix_directory.h"

namespace {

using namespace kvstore;

constexpr int kExitOther = 1;
constexpr int kExitDamaged = 3;

struct Options {
  std::string data_dir;
  bool print = false;
  std::uint64_t from = 0;
  std::size_t max_bytes = 100;
  std::optional<std::uint64_t> cut;
  std::string output;
};

int fail(const Status& status) {
  std::fflush(stdout);
  std::fprintf(stderr, "kv_store_check: %s\n", status.message().c_str());
  return status.code() == StatusCode::kCorruption ? kExitDamaged : kExitOther;
}

// One line that is written over, on a terminal only.
class ProgressLine {
 public:
  void show(const durability::RecoveryProgress& progress) {
    if (!terminal_) return;
    const double percent = progress.bytes_total == 0 ? 100.0
                                                     : 100.0 * static_cast<double>(progress.bytes_done) /
                                                           static_cast<double>(progress.bytes_total);
    std::fprintf(stderr, "\rreading %s: %3.0f%%", progress.stage, percent);
    shown_ = true;
  }
  void clear() {
    if (std::exchange(shown_, false)) std::fprintf(stderr, "\r\033[K");
  }

 private:
  const bool terminal_ = isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

Result<std::unique_ptr<env::Directory>> open_locked(const std::string& path, bool for_reading) {
  auto directory = for_reading ? env::open_posix_directory_for_reading(path) : env::open_posix_directory(path);
  if (!directory.ok()) return directory.status();
  if (Status status = directory.value()->lock(durability::kLockName); !status.ok()) return status;
  return directory;
}

int check(env::Directory& directory, const Options& options) {
  ProgressLine progress;
  durability::DataCheckOptions check_options;
  if (options.print) check_options.print_from = options.from;
  check_options.print_bytes_max = options.max_bytes;
  check_options.print = [&progress](const std::string& line) {
    progress.clear();
    std::printf("%s\n", line.c_str());
  };
  check_options.progress = [&progress](const durability::RecoveryProgress& now) { progress.show(now); };
  const durability::DataCheck result = durability::check_data(directory, env::Clock::system(), check_options);
  progress.clear();
  std::printf("%s\n", result.verdict().c_str());
  if (result.damaged()) return kExitDamaged;
  return result.start.ok() ? 0 : kExitOther;
}

int cut(env::Directory& directory, const Options& options) {
  auto output = open_locked(options.output, /*for_reading=*/false);
  if (!output.ok()) return fail(output.status());
  ProgressLine progress;
  durability::DataCutOptions cut_options;
  cut_options.lsn = *options.cut;
  cut_options.progress = [&progress](const durability::RecoveryProgress& now) { progress.show(now); };
  auto made = durability::cut_data(directory, *output.value(), env::Clock::system(), cut_options);
  progress.clear();
  if (!made.ok()) {
    if (made.status().code() != StatusCode::kInvalidArgument) {
      std::fprintf(stderr, "kv_store_check: %s is incomplete: remove it\n", options.output.c_str());
    }
    return fail(made.status());
  }
  std::printf("copied %s and %llu log files to %s, up to LSN %llu: the last end of a group at or before LSN %llu\n",
              made->snapshot_name.empty() ? "no snapshot" : made->snapshot_name.c_str(),
              static_cast<unsigned long long>(made->segments), options.output.c_str(),
              static_cast<unsigned long long>(made->lsn), static_cast<unsigned long long>(*options.cut));
  return check(*output.value(), {});
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Checks a data directory of kv_store_server while no server uses it: every snapshot, every file of the log, and "
      "what a start would recover. Changes nothing in it.\n"
      "Exit status: 0 all is well, 3 something is damaged, 1 anything else.",
      "kv_store_check");
  app.set_version_flag("--version", std::string("kv_store_check ") + KVSTORE_VERSION);
  app.add_option("--data-dir", options.data_dir, "The directory")->required();
  auto* print =
      app.add_flag("--print", options.print,
                   "Print the log's records, one a line: the LSN where their group begins, then what they do");
  app.add_option("--from", options.from, "Print from this LSN on")->needs(print)->capture_default_str();
  app.add_option("--max-bytes", options.max_bytes, "Print this much of a key or value")
      ->needs(print)
      ->capture_default_str();
  auto* cut_option = app.add_option("--cut", options.cut,
                                    "Copy the directory as it was at this LSN, without what came later, to --output");
  app.add_option("--output", options.output, "The copy: a directory that is empty or not there")->needs(cut_option);
  cut_option->needs("--output")->excludes(print);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& request) {
    return app.exit(request);
  } catch (const CLI::CallForVersion& request) {
    return app.exit(request);
  } catch (const CLI::ParseError& mistake) {
    std::fprintf(stderr, "kv_store_check: %s\nTry: kv_store_check --help\n", mistake.what());
    return kExitOther;
  }
  auto directory = open_locked(options.data_dir, /*for_reading=*/true);
  if (!directory.ok()) return fail(directory.status());
  return options.cut ? cut(*directory.value(), options) : check(*directory.value(), options);
}
