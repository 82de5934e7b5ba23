// controlplane/translate/errors.h
//
// Errors that name the resource and the field at fault.
//
// An absl::Status carries them as a payload, so every layer passes them on
// unread; the service layer turns them into the ErrorDetail messages of the
// answer.  The status text says the same in words.
//
//   return FaultStatus(absl::StatusCode::kInvalidArgument,
//                      {{key, "pod.pod_ips[0]", "\"10.0.0\" is no address"}});
//   std::vector<Fault> faults = FaultsOf(status);
//
// Plain values: any thread.

#ifndef VSWITCH_CONTROLPLANE_TRANSLATE_ERRORS_H_
#define VSWITCH_CONTROLPLANE_TRANSLATE_ERRORS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/model/desired_state.h"
#include "grpcpp/support/status.h"

namespace vswitch {

// One thing that is wrong.
struct Fault {
  std::optional<ObjectKey> object;  // nullopt: the request itself
  std::string field;                // in the API's spelling; may be empty
  std::string message;              // what is wrong and what would be right
};

// Returns a status whose text lists the first faults and whose payload holds
// as many as a gRPC answer has room for, each cut to a readable length.
// REQUIRES: at least one fault.
absl::Status FaultStatus(absl::StatusCode code,
                         const std::vector<Fault>& faults);
inline absl::Status FaultStatus(absl::StatusCode code, Fault fault) {
  return FaultStatus(code, std::vector<Fault>{std::move(fault)});
}

// Returns the faults that `status` carries; a status of another origin has one,
// read from its text ("Pod demo/web spec.x: message").
std::vector<Fault> FaultsOf(const absl::Status& status);

// Returns what a gRPC method answers for `status`: code, text, and an RpcStatus
// with one ErrorDetail per fault.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_TRANSLATE_ERRORS_H_
