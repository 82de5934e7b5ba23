// Reads a whole ApplyRequest, so that one answer names all its faults.

#include "controlplane/translate/transaction.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/field_reader.h"
#include "controlplane/translate/resources.h"

namespace vswitch {
namespace {

constexpr size_t kMaxManagerName = 128;
// What one answer can usefully name.
constexpr size_t kMaxFaults = 64;

void Append(const absl::Status& status, std::vector<Fault>& faults) {
  for (Fault& fault : FaultsOf(status)) {
    if (faults.size() < kMaxFaults) faults.push_back(std::move(fault));
  }
}

// Says of what cannot be named where it stands in the request: "upserts[4]".
absl::Status AtPlace(const absl::Status& status, absl::string_view list,
                     int index) {
  std::vector<Fault> faults = FaultsOf(status);
  for (Fault& fault : faults) {
    if (fault.object) continue;
    absl::string_view field = fault.field;
    absl::ConsumePrefix(&field, "key.");
    fault.field = absl::StrCat(list, "[", index, "].", field);
  }
  return FaultStatus(status.code(), faults);
}

}  // namespace

absl::StatusOr<Manager> ToModel(const v1::Manager& manager) {
  FieldReader reader(std::nullopt);
  FieldPath path(nullptr, "manager");
  FieldPath name(&path, "name");
  reader.CheckKnownFields(manager, &path);
  reader.CheckLength(name, manager.name(), kMaxManagerName);
  if (manager.name().empty()) {
    reader.AddFault(name,
                    "must be set, such as \"cli\" or \"controller/NAME\"");
  }
  if (absl::Status status = reader.status(); !status.ok()) return status;
  return Manager{manager.name(), manager.epoch()};
}

absl::StatusOr<Transaction> ToTransaction(const v1::ApplyRequest& request) {
  Transaction result;
  std::vector<Fault> faults;
  // The resources' own fields are checked where they are read, by name.
  FieldReader reader(std::nullopt);
  reader.CheckOwnFields(request, nullptr);
  Append(reader.status(), faults);
  if (absl::StatusOr<Manager> manager = ToModel(request.manager());
      manager.ok()) {
    result.manager = *std::move(manager);
  } else {
    Append(manager.status(), faults);
  }
  std::set<ObjectKey> named;
  auto name_once = [&](const ObjectKey& key) {
    if (named.insert(key).second) return;
    faults.push_back({key, "", "stands in the transaction twice"});
  };
  for (int i = 0; i < request.upserts_size(); ++i) {
    absl::StatusOr<Object> object = ToModel(request.upserts(i));
    if (!object.ok()) {
      Append(AtPlace(object.status(), "upserts", i), faults);
      continue;
    }
    name_once(DesiredState::KeyOf(*object));
    result.upserts.push_back(*std::move(object));
  }
  for (int i = 0; i < request.deletes_size(); ++i) {
    absl::StatusOr<ObjectKey> key = ToModel(request.deletes(i));
    if (!key.ok()) {
      Append(AtPlace(key.status(), "deletes", i), faults);
      continue;
    }
    name_once(*key);
    result.deletes.push_back(*std::move(key));
  }
  if (!faults.empty()) {
    return FaultStatus(absl::StatusCode::kInvalidArgument, faults);
  }
  result.dry_run = request.dry_run();
  result.force = request.force();
  result.ignore_missing = request.ignore_missing();
  return result;
}

}  // namespace vswitch
