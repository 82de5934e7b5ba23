// Lowest free number first, so that the port table stays short.

#include "controlplane/compile/port_numbering.h"

#include <cstring>
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
  ports_.clear();
  for (size_t i = 0; i < records.size() && i < kMaxPorts; ++i) {
    const PortRecord& record = records[i];
    if (record.kind == PortKind::kNone) continue;
    std::string name(record.name, strnlen(record.name, sizeof(record.name)));
    ports_[name] = {.id = PortId{static_cast<uint16_t>(i)},
                    .epoch = record.epoch,
                    .ready = record.ready != 0};
  }
}

absl::Status PortNumbering::Update(const DesiredState& desired,
                                   Generation generation) {
  std::map<std::string, std::string> devices;  // wanted, by name
  desired.ForEach<Port>([&](const Metadata& metadata, const Port& port) {
    devices[metadata.name] = DeviceOf(port);
  });
  if (devices.size() > kMaxPorts) {
    return absl::ResourceExhaustedError(absl::StrCat(
        devices.size(), " ports are wanted, the switch has ", kMaxPorts));
  }
  std::set<uint16_t> taken;
  for (auto it = ports_.begin(); it != ports_.end();) {
    if (!devices.contains(it->first)) {
      it = ports_.erase(it);
      continue;
    }
    taken.insert(ToInt(it->second.id));
    ++it;
  }
  uint16_t next = 0;
  for (auto& [name, device] : devices) {
    auto [it, inserted] = ports_.try_emplace(name);
    PortNumber& number = it->second;
    if (inserted) {
      while (taken.contains(next)) ++next;
      taken.insert(next);
      number.id = PortId{next};
    }
    bool another_device =
        inserted || (number.device.has_value() && *number.device != device);
    if (another_device) {
      number.epoch = static_cast<uint32_t>(generation);
      number.ready = false;
    }
    number.device = std::move(device);
  }
  return absl::OkStatus();
}

void PortNumbering::SetReady(const std::string& name, uint32_t epoch) {
  auto found = ports_.find(name);
  if (found != ports_.end() && found->second.epoch == epoch) {
    found->second.ready = true;
  }
}

std::vector<std::string> PortNumbering::NotReady() const {
  std::vector<std::string> names;
  for (const auto& [name, number] : ports_) {
    if (!number.ready) names.push_back(name);
  }
  return names;
}

const PortNumber* PortNumbering::Find(const std::string& name) const {
  auto found = ports_.find(name);
  return found == ports_.end() ? nullptr : &found->second;
}

}  // namespace vswitch
