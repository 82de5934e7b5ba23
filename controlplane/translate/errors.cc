// Faults travel as a serialized RpcStatus in the status payload.

#include "controlplane/translate/errors.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controlplane/translate/api_field.h"
#include "controlplane/translate/resources.h"
#include "proto/vswitch/v1/error.pb.h"

namespace vswitch {
namespace {

constexpr absl::string_view kPayloadUrl = "vswitch.v1.RpcStatus";
// A transaction of a million bad objects must not answer with a million texts.
constexpr size_t kMaxFaults = 32;
constexpr size_t kMaxFaultsInText = 3;
// Text and details travel in the trailer of the call, of which gRPC's clients
// take 8192 bytes: the details as base64 with the text once more, other than
// ASCII in the text as three bytes each.
constexpr size_t kMaxTextBytes = 512;
constexpr size_t kMaxDetailBytes = 3072;
constexpr size_t kMaxNameBytes = 253;
constexpr size_t kMaxFieldBytes = 256;

// Returns `text`, cut between two characters if it is too long.
std::string Cut(absl::string_view text, size_t max_bytes) {
  constexpr absl::string_view kCut = "...";
  if (text.size() <= max_bytes) return std::string(text);
  size_t end = max_bytes - kCut.size();
  auto is_inside = [&text](size_t at) { return (text[at] & 0xc0) == 0x80; };
  while (end > 0 && is_inside(end)) --end;
  return absl::StrCat(text.substr(0, end), kCut);
}

// What a fault quotes comes from a client and may be of any length.
Fault Shortened(Fault fault) {
  if (fault.object) {
    fault.object->ns = Cut(fault.object->ns, kMaxNameBytes);
    fault.object->name = Cut(fault.object->name, kMaxNameBytes);
  }
  fault.field = Cut(fault.field, kMaxFieldBytes);
  fault.message = Cut(fault.message, kMaxTextBytes);
  return fault;
}

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
  result.set_message(Cut(status.message(), kMaxTextBytes));
  size_t bytes = 0;
  for (const Fault& each : faults) {
    Fault fault = Shortened(each);
    v1::ErrorDetail detail;
    if (fault.object) *detail.mutable_resource() = ToProto(*fault.object);
    detail.set_field(fault.field);
    detail.set_message(fault.message);
    google::protobuf::Any packed;
    packed.PackFrom(detail);
    bytes += packed.ByteSizeLong();
    if (bytes > kMaxDetailBytes) break;
    *result.add_details() = std::move(packed);
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
  if (words.size() == 3) fault.field = ApiField(*kind, words[2]);
  fault.object = std::move(key);
  fault.message = std::string(parts.second);
  return fault;
}

}  // namespace

absl::Status FaultStatus(absl::StatusCode code,
                         const std::vector<Fault>& faults) {
  std::string text;
  for (size_t i = 0; i < faults.size() && i < kMaxFaultsInText; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : "; ", FaultText(Shortened(faults[i])));
  }
  if (faults.size() > kMaxFaultsInText) {
    absl::StrAppend(&text, "; and ", faults.size() - kMaxFaultsInText, " more");
  }
  absl::Status status(code, Cut(text, kMaxTextBytes));
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
  if (!status.GetPayload(kPayloadUrl).has_value()) {
    // Of the compiler: text and details are to name the same field.
    return ToGrpc(FaultStatus(status.code(), FaultsOf(status)));
  }
  // The two enumerations are the same numbers by definition (google.rpc.Code).
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      Cut(status.message(), kMaxTextBytes),
                      PackFaults(status, FaultsOf(status)).SerializeAsString());
}

}  // namespace vswitch
