// Status and Result<T>: how an operation that the environment can make fail says so.
//
// Thread rule: plain values; as safe as an int.
// A Status carries a code a program can switch on and a sentence a person can read. Neither is ever
// thrown: kvstore reports failures by value, and the compiler warns when one is ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace kvstore {

enum class StatusCode : std::uint8_t {
  kOk = 0,
  kNotFound,         // the key is not there
  kInvalidArgument,  // an argument is out of range; the message names it
  kWrongType,        // the key holds a value of another type
  kTooLarge,         // a key or value is over the limit the message names
  kUnavailable,      // a resource is taken or missing (port in use, too many open files, ...)
  kNoSpace,          // the disk or a quota is full
  kCorruption,       // what is on disk is not what was written there; the message says where
  kIoError,          // the operating system refused; the message holds its reason
};

class [[nodiscard]] Status {
 public:
  Status() = default;  // success
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  [[nodiscard]] bool ok() const { return code_ == StatusCode::kOk; }
  [[nodiscard]] StatusCode code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

// A value, or the Status that says why there is none. `value()` on a failed Result is a bug in the caller.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return value_.has_value(); }
  [[nodiscard]] const Status& status() const { return status_; }
  T& value() & { return value_.value(); }
  const T& value() const& { return value_.value(); }
  T value() && { return std::move(value_).value(); }  // not a reference: the Result may be a temporary
  T* operator->() { return &value_.value(); }
  T& operator*() & { return value_.value(); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace kvstore
