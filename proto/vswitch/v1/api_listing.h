// proto/vswitch/v1/api_listing.h
//
// ApiListing: everything of the API that a client compiled long ago relies on,
// a line each, and the comparison that refuses to change it.
//
//   field vswitch.v1.ApplyRequest.dry_run 4 bool singular
//   method vswitch.v1.PortService.AddPort vswitch.v1.AddPortRequest -> ...
//   reserved vswitch.v1.Manager.#3
//   value vswitch.v1.WaitFor.WAIT_FOR_ACCEPTED 1
//
// The first two words are the key, the rest is what may not change.  What a
// committed listing has must be there still; what it lacks is an addition, and
// welcome.
//
//   ASSIGN_OR_RETURN(ApiListing golden, ParseApiListing(text));
//   std::vector<std::string> faults = BrokenPromises(golden, ListApi(files));
//
// Tests only; plain values.

#ifndef VSWITCH_PROTO_VSWITCH_V1_API_LISTING_H_
#define VSWITCH_PROTO_VSWITCH_V1_API_LISTING_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"

namespace vswitch {

using ApiListing = std::map<std::string, std::string>;

// Lists the messages, enums and services of `files`.
ApiListing ListApi(
    const std::vector<const google::protobuf::FileDescriptor*>& files);

// Lists the files of `set` that are of package `package`.
// INVALID_ARGUMENT if the files do not fit together.
absl::StatusOr<ApiListing> ListApi(
    const google::protobuf::FileDescriptorSet& set, absl::string_view package);

// Returns the lines of a committed listing; INVALID_ARGUMENT names a bad one.
absl::StatusOr<ApiListing> ParseApiListing(absl::string_view text);
std::string ToText(const ApiListing& listing);

// Returns one text for each line of `golden` that `present` breaks: gone,
// renumbered, renamed or retyped.  A field or enum value may go if its number
// and its name are reserved.
std::vector<std::string> BrokenPromises(const ApiListing& golden,
                                        const ApiListing& present);

// Returns the keys that `present` has beyond `golden`.
std::vector<std::string> Additions(const ApiListing& golden,
                                   const ApiListing& present);

}  // namespace vswitch

#endif  // VSWITCH_PROTO_VSWITCH_V1_API_LISTING_H_
