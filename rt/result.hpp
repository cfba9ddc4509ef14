// The three kinds of failure, three shapes. An outcome (full, empty, torn) is an enum or an optional. An error (the kernel or the
// operator said no) is a Result, made at set-up and control, turned into text once, in main. A bug is a contract that aborts.
#pragma once
#include <sysexits.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace chappe::rt {

/// Why something could not be done: one line for the operator, and the exit code of sysexits.h that a main gives for it.
struct Error {
  int exit_code = EX_SOFTWARE;
  std::string text;  ///< place, value, what was expected, how to mend it
};

/// An error of the kernel: `what` failed, with errno's text.
inline Error errno_error(const std::string& what, int error = errno) {
  int code = EX_OSERR;
  if (error == EACCES || error == EPERM) code = EX_NOPERM;
  if (error == ENOSPC || error == EIO) code = EX_IOERR;
  return {code, what + ": " + std::strerror(error)};
}

/// A value or an Error. Reading the wrong one is a bug and aborts.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor): reads as return
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor): reads as return
  explicit operator bool() const noexcept { return state_.index() == 0; }
  T& operator*() & { return get(); }
  const T& operator*() const& { return const_cast<Result*>(this)->get(); }
  T&& operator*() && { return std::move(get()); }
  T* operator->() { return &get(); }
  const T* operator->() const { return &const_cast<Result*>(this)->get(); }
  const Error& error() const {
    if (state_.index() != 1) std::abort();
    return *std::get_if<1>(&state_);
  }

 private:
  T& get() {
    if (state_.index() != 0) std::abort();
    return *std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

struct Nothing {};
using Done = Result<Nothing>;  ///< success without a value
inline Done done() { return Nothing{}; }

/// A bug: says where, and aborts.
[[noreturn]] inline void contract_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: contract broken: %s\n", file, line, what);
  std::abort();
}
#define CHAPPE_EXPECTS(condition) ((condition) ? static_cast<void>(0) : ::chappe::rt::contract_failed(#condition, __FILE__, __LINE__))

}  // namespace chappe::rt
