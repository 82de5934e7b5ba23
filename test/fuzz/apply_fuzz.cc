// Fuzz target of Apply: from the bytes of a request to compiled tables, as
// controlplane/publish/commit.cc goes, over a small cluster.
//
//   * a refusal names what is wrong: resource or field, and a text; it fits
//     into the trailer of a gRPC call, and leaves the state as it was
//   * an accepted state compiles twice to the same blobs, workers can open
//     them, and its resources can be read back from the journal
//
// Input: one byte, then what it says: 't' an ApplyRequest as text, 'b' one in
// its binary form (protoc --encode of a text), any other byte: up to four
// requests, one after the other, drawn from the bytes (apply_generator.h).
// Seeds: test/fuzz/corpus/apply.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/compile/compile.h"
#include "controlplane/compile/test_cluster.h"
#include "controlplane/publish/stored_state.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/resources.h"
#include "controlplane/translate/transaction.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/text_format.h"
#include "test/fuzz/apply_generator.h"

namespace vswitch {
namespace {

constexpr int kMaxRequests = 4;
// gRPC's clients take 8192 bytes of trailer; base64 makes four bytes of three.
constexpr size_t kMaxTrailerBytes = 5000;

constexpr char kBaseRequest[] = R"(
    manager { name: "cli" epoch: 2 }
    upserts { metadata { name: "n1" } node {
      pod_cidrs: ["10.1.0.0/24", "fd00:1::/64"]
      addresses: ["192.168.0.1", "fd00:ff::1"] } }
    upserts { metadata { name: "demo" } namespace {} }
    upserts { metadata { name: "web" namespace: "demo"
                         labels { key: "role" value: "web" } }
              pod { node_name: "n1" pod_ips: ["10.1.0.5", "fd00:1::5"] } }
    upserts { metadata { name: "db" namespace: "demo"
                         labels { key: "role" value: "db" } }
              pod { node_name: "n1" pod_ips: ["10.1.0.6", "fd00:1::6"] } }
    upserts { metadata { name: "demo/web" } port {
                pod_namespace: "demo" pod_name: "web" netns: "/run/netns/a" } }
    upserts { metadata { name: "web" namespace: "demo" }
              service { cluster_ips: ["10.96.0.1", "fd00:96::1"]
                        ports { port: 80 } } }
    upserts { metadata { name: "web" namespace: "demo" labels {
                key: "kubernetes.io/service-name" value: "web" } }
              endpoint_slice { address_type: ADDRESS_TYPE_IPV6
                endpoints { addresses: "fd00:1::5" } ports { port: 8080 } } }
    upserts { metadata { name: "db" namespace: "demo" }
              network_policy {
                pod_selector { match_labels { key: "role" value: "db" } }
                ingress {
                  peers { pod_selector {
                    match_labels { key: "role" value: "web" } } }
                  ports { port: 443 } } } }
)";

void Require(bool condition, const char* what, const std::string& detail) {
  if (condition) return;
  std::fprintf(stderr, "apply_fuzz: broken rule: %s: %s\n", what,
               detail.c_str());
  std::abort();
}

// What one control plane holds.
struct Plane {
  StoredState stored;
  PortNumbering ports;
  IdentityAllocator identities;
  std::optional<CompiledState> compiled;
  Generation generation = 0;
};

// Objects are immutable and shared: equal pointers are equal objects.
std::vector<const Object*> ObjectsOf(const StoredState& state) {
  std::vector<const Object*> objects;
  for (const auto& [key, object] : state.desired.objects()) {
    objects.push_back(object.get());
  }
  return objects;
}

bool IsSame(const StoredState& a, const StoredState& b) {
  return ObjectsOf(a) == ObjectsOf(b) && a.manager_epochs == b.manager_epochs &&
         a.transaction == b.transaction;
}

// Whether no field need be named: the resource as a whole is at fault.
bool IsAboutAll(absl::StatusCode code, const Fault& fault) {
  return fault.object.has_value() &&
         (code == absl::StatusCode::kNotFound ||
          fault.message == "stands in the transaction twice");
}

void CheckRefusal(const absl::Status& status) {
  std::string text = status.ToString();
  std::vector<Fault> faults = FaultsOf(status);
  Require(!faults.empty(), "a refusal has a fault", text);
  for (const Fault& fault : faults) {
    Require(!fault.message.empty(), "a fault says what is wrong", text);
    // A full table is nobody's fault in particular.
    if (status.code() == absl::StatusCode::kResourceExhausted) continue;
    Require(!fault.field.empty() || IsAboutAll(status.code(), fault),
            "a fault names the field", text);
  }
  grpc::Status answer = ToGrpc(status);
  Require(!answer.ok(), "a refusal is an error", text);
  Require(answer.error_message().size() + answer.error_details().size() <=
              kMaxTrailerBytes,
          "a refusal fits into the trailer", text);
}

void CheckTables(const CompiledState& first, const CompiledState& second) {
  const bool same_sets =
      std::equal(first.policy_sets.begin(), first.policy_sets.end(),
                 second.policy_sets.begin(), second.policy_sets.end(),
                 [](const auto& a, const auto& b) { return *a == *b; });
  Require(first.blobs == second.blobs && same_sets &&
              first.bindings == second.bindings &&
              first.changed_addresses == second.changed_addresses &&
              first.all_changed == second.all_changed,
          "the same state compiles to the same tables", "");
  // Opens them as a worker does; dies if that fails.
  CompiledTables opened(first);
  Require(opened.forwarding().generation() == first.generation,
          "a worker can open the tables", "");
}

void CheckReadable(const StoredState& stored) {
  for (const auto& [key, object] : stored.desired.objects()) {
    absl::StatusOr<Object> again = ToModel(ToProto(*object));
    Require(again.ok(), "the journal can be read back", key.ToString());
    Require(DesiredState::KeyOf(*again) == key, "a key stays", key.ToString());
  }
}

absl::StatusOr<CompiledState> CompileOnce(const Plane& plane,
                                          IdentityAllocator& identities) {
  return Compile(
      plane.stored.desired, {.node_name = "n1", .generation = plane.generation},
      plane.ports, identities, plane.compiled ? &*plane.compiled : nullptr);
}

// Returns the plane after `transaction`, or why it is refused.
absl::StatusOr<Plane> Commit(const Plane& plane,
                             const Transaction& transaction) {
  Plane draft = plane;
  absl::StatusOr<StateChange> change = Change(transaction, draft.stored);
  if (!change.ok()) {
    Require(IsSame(draft.stored, plane.stored),
            "a refusal leaves the state as it was", change.status().ToString());
    return change.status();
  }
  if (!change->HasObjectChanges()) return draft;
  ++draft.generation;
  absl::Status numbered =
      draft.ports.Update(draft.stored.desired, draft.generation);
  if (!numbered.ok()) return numbered;
  IdentityAllocator again = draft.identities;
  absl::StatusOr<CompiledState> first = CompileOnce(draft, draft.identities);
  absl::StatusOr<CompiledState> second = CompileOnce(draft, again);
  Require(first.status() == second.status(),
          "the same state is refused for the same reason",
          first.status().ToString());
  if (!first.ok()) return first.status();
  CheckTables(*first, *second);
  CheckReadable(draft.stored);
  draft.compiled = *std::move(first);
  return draft;
}

void Apply(const v1::ApplyRequest& request, Plane& plane) {
  absl::StatusOr<Transaction> transaction = ToTransaction(request);
  if (!transaction.ok()) {
    CheckRefusal(transaction.status());
    return;
  }
  absl::StatusOr<Plane> next = Commit(plane, *transaction);
  if (!next.ok()) {
    CheckRefusal(next.status());
  } else if (!transaction->dry_run) {
    plane = *std::move(next);
  }
}

// A text that cannot be read gives no request, and no words on stderr.
class Silence final : public google::protobuf::io::ErrorCollector {
  void AddError(int, int, const std::string&) override {}
};

std::optional<v1::ApplyRequest> FromText(const std::string& text) {
  Silence silence;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&silence);
  v1::ApplyRequest read;
  if (!parser.ParseFromString(text, &read)) return std::nullopt;
  // By the wire, which takes no string that is not UTF-8.
  v1::ApplyRequest request;
  if (!request.ParseFromString(read.SerializeAsString())) return std::nullopt;
  return request;
}

Plane MakeBase() {
  google::protobuf::SetLogHandler(nullptr);
  Plane plane;
  std::optional<v1::ApplyRequest> request = FromText(kBaseRequest);
  Require(request.has_value(), "the base request can be read", "");
  Apply(*request, plane);
  Require(plane.generation == 1, "the base request is accepted", "");
  return plane;
}

void TestOne(const uint8_t* data, size_t size) {
  static const Plane* const base = new Plane(MakeBase());
  if (size < 1) return;
  Plane plane = *base;
  std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 't') {
    if (auto request = FromText(rest)) Apply(*request, plane);
  } else if (data[0] == 'b') {
    v1::ApplyRequest request;
    if (request.ParseFromString(rest)) Apply(request, plane);
  } else {
    ByteSource source(data + 1, size - 1);
    for (int i = 0; i < kMaxRequests && !source.empty(); ++i) {
      v1::ApplyRequest request;
      FillFromBytes(source, request);
      Apply(request, plane);
    }
  }
}

}  // namespace
}  // namespace vswitch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vswitch::TestOne(data, size);
  return 0;
}
