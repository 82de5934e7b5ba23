// The store of objects by key.

#include "controlplane/model/desired_state.h"

#include "absl/strings/str_cat.h"

namespace vswitch {

std::string ObjectKey::ToString() const {
  if (ns.empty()) return absl::StrCat(vswitch::ToString(kind), " ", name);
  return absl::StrCat(vswitch::ToString(kind), " ", ns, "/", name);
}

std::string QualifiedName(const Metadata& metadata) {
  if (metadata.ns.empty()) return metadata.name;
  return absl::StrCat(metadata.ns, "/", metadata.name);
}

ObjectKey DesiredState::KeyOf(const Object& object) {
  return {object.kind(), object.metadata.ns, object.metadata.name};
}

void DesiredState::Upsert(Object object) {
  ObjectKey key = KeyOf(object);
  objects_[std::move(key)] = std::make_shared<const Object>(std::move(object));
}

bool DesiredState::Erase(const ObjectKey& key) {
  return objects_.erase(key) != 0;
}

const Object* DesiredState::FindObject(const ObjectKey& key) const {
  auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : found->second.get();
}

}  // namespace vswitch
