// Lowest free number first, so that the port table stays short.

#include "controlplane/compile/port_numbering.h"

#include <cstring>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"

namespace vswitch {
namespace {

// What must stay the same for a port to stay the same device.
std::string DeviceOf(const Port& port) {
  return absl::StrCat(static_cast<int>(port.kind), "|",
                      static_cast<int>(port.driver), "|", port.netns, "|",
                      port.interface_name, "|", port.device, "|",
                      port.mac.has_value() ? port.mac->ToString() : "");
}

}  // namespace

void PortNumbering::Restore(std::span<const PortRecord> records) {
  ports_ = {};
  not_ready_ = {};
  for (size_t i = 0; i < records.size() && i < kMaxPorts; ++i) {
    const PortRecord& record = records[i];
    if (record.kind == PortKind::kNone) continue;
    std::string name(record.name, strnlen(record.name, sizeof(record.name)));
    if (record.ready == 0) not_ready_.Insert(name, {});
    ports_.Insert(std::move(name), {.id = PortId{static_cast<uint16_t>(i)},
                                    .epoch = record.epoch,
                                    .ready = record.ready != 0});
  }
}

absl::Status PortNumbering::Update(const DesiredState& desired,
                                   Generation generation,
                                   const DesiredState* before) {
  if (before != nullptr) {
    bool changed = false;
    DesiredState::ForEachDifference(
        *before, desired,
        [&changed](const ObjectKey& key, const Object*, const Object*) {
          changed |= key.kind == ObjectKind::kPort;
        });
    if (!changed) return absl::OkStatus();
  }
  std::map<std::string, std::string> devices;  // wanted, by name
  desired.ForEach<Port>([&](const Metadata& metadata, const Port& port) {
    devices[metadata.name] = DeviceOf(port);
  });
  if (devices.size() > kMaxPorts) {
    return absl::ResourceExhaustedError(absl::StrCat(
        devices.size(), " ports are wanted, the switch has ", kMaxPorts));
  }
  std::set<uint16_t> taken;
  const Ports present = ports_;
  for (const auto& [name, number] : present) {
    if (devices.contains(name)) {
      taken.insert(ToInt(number.id));
    } else {
      ports_.Erase(name);
      not_ready_.Erase(name);
    }
  }
  uint16_t next = 0;
  for (auto& [name, device] : devices) {
    const PortNumber* found = ports_.Find(name);
    PortNumber number = found == nullptr ? PortNumber() : *found;
    if (found != nullptr && number.device == device) continue;
    if (found == nullptr) {
      while (taken.contains(next)) ++next;
      taken.insert(next);
      number.id = PortId{next};
    }
    if (found == nullptr || number.device.has_value()) {
      number.epoch = static_cast<uint32_t>(generation);
      number.ready = false;
      not_ready_.Insert(name, {});
    }
    number.device = std::move(device);
    ports_.Insert(name, std::move(number));
  }
  return absl::OkStatus();
}

void PortNumbering::SetReady(const std::string& name, uint32_t epoch) {
  const PortNumber* found = ports_.Find(name);
  if (found == nullptr || found->epoch != epoch) return;
  PortNumber number = *found;
  number.ready = true;
  ports_.Insert(name, std::move(number));
  not_ready_.Erase(name);
}

std::vector<std::string> PortNumbering::NotReady() const {
  std::vector<std::string> names;
  for (const auto& [name, nothing] : not_ready_) names.push_back(name);
  return names;
}

const PortNumber* PortNumbering::Find(const std::string& name) const {
  return ports_.Find(name);
}

}  // namespace vswitch
