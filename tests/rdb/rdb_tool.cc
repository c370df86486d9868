// For tests: makes a snapshot file from lines, and prints the keys of an RDB file as lines.
//
//   rdb_tool make FOLDER < LINES   takes a snapshot of a keyspace with these keys: FOLDER/kvstore.db.snapshot
//   rdb_tool print FILE            loads the file into a keyspace and prints what is there; 1 and the reason on stderr
//                                  when it is refused
//
// A line: database, key and value, with a space between; both in hex, and '-' for one that is empty.
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "durability/rdb_format.h"
#include "durability/rdb_loader.h"
#include "durability/snapshot_writer.h"
#include "env/clock.h"
#include "env/posix_directory.h"

namespace {

using namespace kvstore;

std::string to_hex(std::string_view bytes) {
  if (bytes.empty()) return "-";
  std::string text;
  for (const char c : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    text.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return text;
}

std::string from_hex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

int refuse(const Status& status) {
  std::cerr << status.message() << '\n';
  return 1;
}

int make(const std::string& folder) {
  store::Keyspace keyspace{store::Keyspace::Options{}};
  store::WriteContext context;
  std::string key;
  std::string value;
  for (int db = 0; std::cin >> db >> key >> value;) {
    const std::string bytes = from_hex(key);
    const std::string text = from_hex(value);
    const store::Key hashed = keyspace.key(bytes);
    const unsigned shard = keyspace.shard_of(hashed.hash);
    keyspace.lock(shard);
    keyspace.set(db, hashed, store::ValueType::kString, store::NewValue::stage(text), context);
    keyspace.unlock(shard);
    context.release();
  }
  auto directory = env::open_posix_directory(folder);
  if (!directory.ok()) return refuse(directory.status());
  durability::SnapshotWriter::Options options;
  options.version = "test";
  options.database_id = std::string(durability::kDatabaseIdDigits, 'a');
  durability::SnapshotWriter writer(*directory.value(), keyspace, env::Clock::system(), options);
  const auto taken = writer.run();
  return taken.ok() ? 0 : refuse(taken.status());
}

int print(const std::string& folder, const std::string& name) {
  auto directory = env::open_posix_directory(folder);
  if (!directory.ok()) return refuse(directory.status());
  auto file = directory.value()->open(name, env::OpenMode::kRead, env::Caching::kBuffered);
  if (!file.ok()) return refuse(file.status());
  const auto size = file.value()->size();
  if (!size.ok()) return refuse(size.status());
  durability::RdbFileSource source(*file.value(), size.value(), name);
  store::Keyspace keyspace{store::Keyspace::Options{}};
  durability::RdbLoadOptions options;
  options.now_ms = env::Clock::system().wall_us() / 1000;
  const auto loaded = durability::load_rdb(source, keyspace, options);
  if (!loaded.ok()) return refuse(loaded.status());
  for (int db = 0; db < store::Keyspace::kDatabases; ++db) {
    std::uint64_t cursor = 0;
    do {
      cursor = keyspace.scan(db, cursor, 1000, [db](std::string_view key, const store::ValueView& value) {
        std::cout << db << ' ' << to_hex(key) << ' ' << to_hex(value.bytes) << '\n';
      });
    } while (cursor != 0);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  if (words.size() == 3 && words[1] == "make") return make(words[2]);
  if (words.size() == 3 && words[1] == "print") {
    const std::size_t slash = words[2].rfind('/');
    if (slash != std::string::npos) return print(words[2].substr(0, slash), words[2].substr(slash + 1));
  }
  std::cerr << "usage: rdb_tool make|print /PATH/FILE\n";
  return 2;
}
