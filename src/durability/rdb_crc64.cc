#include "durability/rdb_crc64.h"

#include <isa-l/crc64.h>

namespace kvstore::durability {

// The library complements the value on its way in and out, the format does not.
void Crc64::add(std::string_view bytes) {
  if (bytes.empty()) return;
  value_ = ~crc64_jones_refl(~value_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

}  // namespace kvstore::durability
