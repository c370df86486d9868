#include "env/disk_trace.h"

namespace kvstore::env {

std::string to_text(const DiskOperation& operation) {
  const std::string range =
      operation.name + " " + std::to_string(operation.offset) + "+" + std::to_string(operation.length);
  switch (operation.kind) {
    case DiskOperation::Kind::kCreate:
      return "create " + operation.name;
    case DiskOperation::Kind::kWrite:
      return "write " + range;
    case DiskOperation::Kind::kFirm:
      return "durable " + range;
    case DiskOperation::Kind::kTruncate:
      return "truncate " + operation.name + " to " + std::to_string(operation.length);
    case DiskOperation::Kind::kSync:
      return "sync " + operation.name;
    case DiskOperation::Kind::kSyncFailed:
      return "failed sync " + operation.name;
    case DiskOperation::Kind::kRename:
      return "rename " + operation.name + " to " + operation.to;
    case DiskOperation::Kind::kRemove:
      return "remove " + operation.name;
    case DiskOperation::Kind::kSyncDirectory:
      return "sync directory";
    case DiskOperation::Kind::kNote:
      return "note " + operation.name;
    case DiskOperation::Kind::kAcknowledge:
      return "acknowledge " + std::to_string(operation.length);
  }
  return {};
}

}  // namespace kvstore::env
