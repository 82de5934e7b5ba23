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
  objects_.Insert(std::move(key),
                  std::make_shared<const Object>(std::move(object)));
}

bool DesiredState::Erase(const ObjectKey& key) { return objects_.Erase(key); }

const Object* DesiredState::FindObject(const ObjectKey& key) const {
  const std::shared_ptr<const Object>* found = objects_.Find(key);
  return found == nullptr ? nullptr : found->get();
}

}  // namespace vswitch
