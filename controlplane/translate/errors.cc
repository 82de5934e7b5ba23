// Faults travel as a serialized RpcStatus in the status payload.

#include "controlplane/translate/errors.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controlplane/translate/resources.h"
#include "proto/vswitch/v1/error.pb.h"

namespace vswitch {
namespace {

constexpr absl::string_view kPayloadUrl = "vswitch.v1.RpcStatus";
// A transaction of a million bad objects must not answer with a million texts.
constexpr size_t kMaxFaults = 32;
constexpr size_t kMaxFaultsInText = 3;

std::string FaultText(const Fault& fault) {
  std::string text;
  if (fault.object) absl::StrAppend(&text, fault.object->ToString(), ": ");
  if (!fault.field.empty()) absl::StrAppend(&text, fault.field, ": ");
  absl::StrAppend(&text, fault.message);
  return text;
}

v1::RpcStatus PackFaults(const absl::Status& status,
                         const std::vector<Fault>& faults) {
  v1::RpcStatus result;
  result.set_code(static_cast<int>(status.code()));
  result.set_message(std::string(status.message()));
  for (const Fault& fault : faults) {
    v1::ErrorDetail detail;
    if (fault.object) *detail.mutable_resource() = ToProto(*fault.object);
    detail.set_field(fault.field);
    detail.set_message(fault.message);
    result.add_details()->PackFrom(detail);
  }
  return result;
}

// Reads a text that begins "KIND NAME: " or "KIND NAME FIELD: ", as the
// compiler's errors do.
Fault FaultFromText(absl::string_view text) {
  Fault fault{std::nullopt, "", std::string(text)};
  std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(": ", 1));
  std::vector<absl::string_view> words = absl::StrSplit(parts.first, ' ');
  if (parts.second.empty() || words.size() < 2 || words.size() > 3) {
    return fault;
  }
  std::optional<ObjectKind> kind = ObjectKindByName(words[0]);
  if (!kind) return fault;
  ObjectKey key{*kind, "", std::string(words[1])};
  if (IsNamespaced(*kind)) {
    std::pair<std::string, std::string> name =
        absl::StrSplit(words[1], absl::MaxSplits('/', 1));
    key.ns = name.first;
    key.name = name.second;
  }
  if (words.size() == 3) fault.field = std::string(words[2]);
  fault.object = std::move(key);
  fault.message = std::string(parts.second);
  return fault;
}

}  // namespace

absl::Status FaultStatus(absl::StatusCode code,
                         const std::vector<Fault>& faults) {
  std::string text;
  for (size_t i = 0; i < faults.size() && i < kMaxFaultsInText; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : "; ", FaultText(faults[i]));
  }
  if (faults.size() > kMaxFaultsInText) {
    absl::StrAppend(&text, "; and ", faults.size() - kMaxFaultsInText, " more");
  }
  absl::Status status(code, text);
  std::vector<Fault> kept(
      faults.begin(),
      faults.begin() + static_cast<long>(std::min(faults.size(), kMaxFaults)));
  status.SetPayload(kPayloadUrl,
                    absl::Cord(PackFaults(status, kept).SerializeAsString()));
  return status;
}

std::vector<Fault> FaultsOf(const absl::Status& status) {
  std::vector<Fault> faults;
  if (status.ok()) return faults;
  v1::RpcStatus packed;
  if (absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
      payload && packed.ParseFromString(std::string(*payload))) {
    for (const google::protobuf::Any& any : packed.details()) {
      v1::ErrorDetail detail;
      if (!any.UnpackTo(&detail)) continue;
      Fault fault{std::nullopt, detail.field(), detail.message()};
      if (detail.has_resource()) {
        // Not checked: the name may be the very thing that is wrong.
        const v1::ResourceKey& key = detail.resource();
        if (std::optional<ObjectKind> kind = ToModel(key.kind())) {
          fault.object = ObjectKey{*kind, key.namespace_(), key.name()};
        }
      }
      faults.push_back(std::move(fault));
    }
  }
  if (faults.empty()) faults.push_back(FaultFromText(status.message()));
  return faults;
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // The two enumerations are the same numbers by definition (google.rpc.Code).
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message()),
                      PackFaults(status, FaultsOf(status)).SerializeAsString());
}

}  // namespace vswitch
