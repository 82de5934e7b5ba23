// dataplane/base/status_macros.h
//
// RETURN_IF_ERROR and ASSIGN_OR_RETURN: pass an absl::Status on to the caller.
//
//   RETURN_IF_ERROR(Check(config));
//   ASSIGN_OR_RETURN(IpAddress address, IpAddress::Parse(text));

#ifndef VSWITCH_DATAPLANE_BASE_STATUS_MACROS_H_
#define VSWITCH_DATAPLANE_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the calling function with the status of `expression` when that
// is an error.
#define RETURN_IF_ERROR(expression)                                         \
  do {                                                                      \
    if (absl::Status vswitch_status = (expression); !vswitch_status.ok()) { \
      return vswitch_status;                                                \
    }                                                                       \
  } while (false)

#define VSWITCH_CONCAT_INNER(a, b) a##b
#define VSWITCH_CONCAT(a, b) VSWITCH_CONCAT_INNER(a, b)
#define VSWITCH_ASSIGN_OR_RETURN(result, declaration, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) return std::move(result).status();            \
  declaration = *std::move(result)

// Evaluates `expression`, an absl::StatusOr; returns its status from the
// calling function when it is an error, else assigns its value to
// `declaration`.
#define ASSIGN_OR_RETURN(declaration, expression)                     \
  VSWITCH_ASSIGN_OR_RETURN(VSWITCH_CONCAT(vswitch_result_, __LINE__), \
                           declaration, expression)

#endif  // VSWITCH_DATAPLANE_BASE_STATUS_MACROS_H_
