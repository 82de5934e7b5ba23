// Checks services and lays them out as one blob.

#include "dataplane/nat/service_table_builder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/nat/maglev.h"
#include "dataplane/nat/service_layout.h"
#include "dataplane/nat/service_table.h"

namespace vswitch {
namespace {

std::string Describe(const ServiceSpec& spec) {
  return absl::StrCat("service ", spec.address.ToString(), " port ", spec.port,
                      " protocol ", static_cast<int>(spec.protocol));
}

absl::Status CheckBackends(const ServiceSpec& spec,
                           const std::vector<BackendSpec>& backends) {
  std::set<std::pair<IpAddress, uint16_t>> seen;
  uint64_t weight = 0;
  for (const BackendSpec& backend : backends) {
    const std::string name = absl::StrCat(
        "backend ", backend.address.ToString(), " port ", backend.port);
    if (backend.address.family() != spec.address.family()) {
      return absl::InvalidArgumentError(absl::StrCat(
          Describe(spec), ": ", name, " is of the other address family"));
    }
    if (!seen.insert({backend.address, backend.port}).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(Describe(spec), ": ", name, " is there twice"));
    }
    weight += backend.weight;
  }
  if (!backends.empty() && weight == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        Describe(spec), ": all backends have weight 0; at least one needs 1"));
  }
  return MaglevSlotCount(static_cast<uint32_t>(backends.size())).status();
}

// The arrays while they grow.
struct Arrays {
  std::vector<uint32_t> cells;
  std::vector<ServiceRecord> services;
  std::vector<BackendRecord> backends;
  std::vector<uint16_t> slots;
  std::vector<SourceRange> ranges;
  uint32_t max_probes = 0;
};

// Appends backends and their tables, each once.
class Choices {
 public:
  Choices(const MaglevTables& known, MaglevTables& used, Arrays& arrays)
      : known_(known), used_(used), arrays_(arrays) {}

  absl::StatusOr<BackendChoice> Append(
      const std::vector<BackendSpec>& backends) {
    if (backends.empty()) return BackendChoice{};
    const auto [found, is_first] = appended_.try_emplace(backends);
    if (!is_first) return found->second;
    BackendChoice& choice = found->second;
    choice.first_backend = static_cast<uint32_t>(arrays_.backends.size());
    choice.backend_count = static_cast<uint32_t>(backends.size());
    choice.first_slot = static_cast<uint32_t>(arrays_.slots.size());
    std::vector<MaglevBackend> maglev;
    for (const BackendSpec& backend : backends) {
      BackendRecord stored{};
      stored.address = backend.address;
      stored.port = Be16::FromHost(backend.port);
      stored.endpoint = backend.endpoint;
      stored.is_gone = backend.is_gone ? 1 : 0;
      arrays_.backends.push_back(stored);
      const auto words = AddressWords(backend.address);
      maglev.push_back(
          {HashWords(backend.port, {words[0], words[1]}), backend.weight});
    }
    ASSIGN_OR_RETURN(choice.slot_count, MaglevSlotCount(choice.backend_count));
    const std::vector<uint16_t>& table = TableOf(maglev, choice.slot_count);
    arrays_.slots.insert(arrays_.slots.end(), table.begin(), table.end());
    return choice;
  }

 private:
  const std::vector<uint16_t>& TableOf(
      const std::vector<MaglevBackend>& backends, uint32_t slots) {
    auto& table = used_[backends];
    if (table != nullptr) return *table;
    const auto known = known_.find(backends);
    if (known != known_.end()) {
      table = known->second;
    } else {
      table = std::make_shared<const std::vector<uint16_t>>(
          PackMaglev(BuildMaglev(backends, slots),
                     static_cast<uint32_t>(backends.size())));
    }
    return *table;
  }

  const MaglevTables& known_;
  MaglevTables& used_;
  Arrays& arrays_;
  std::map<std::vector<BackendSpec>, BackendChoice> appended_;
};

// Returns the last address of `prefix`.
IpAddress LastOf(const IpPrefix& prefix) {
  IpAddress last = prefix.address;
  for (uint32_t bit = prefix.MappedBits(); bit < 128; ++bit) {
    last.bytes[bit / 8] |= static_cast<uint8_t>(0x80 >> bit % 8);
  }
  return last;
}

// Appends what the prefixes hold as ranges that are sorted and apart: of two
// prefixes one holds the other, or they have nothing in common.
void AppendRanges(std::vector<IpPrefix> prefixes, ServiceRecord& record,
                  Arrays& arrays) {
  std::sort(prefixes.begin(), prefixes.end());
  record.first_range = static_cast<uint32_t>(arrays.ranges.size());
  for (const IpPrefix& prefix : prefixes) {
    const bool is_inside =
        record.range_count > 0 && prefix.address <= arrays.ranges.back().last;
    if (is_inside) continue;
    arrays.ranges.push_back({prefix.address, LastOf(prefix)});
    ++record.range_count;
  }
}

absl::Status AppendService(const ServiceSpec& spec, Choices& choices,
                           Arrays& arrays) {
  ServiceRecord record{};
  record.address = spec.address;
  record.service = spec.service;
  record.port = Be16::FromHost(spec.port);
  record.protocol = spec.protocol;
  record.flags = spec.flags;
  record.affinity_s = spec.affinity_s;
  record.zone = spec.zone;
  record.until_s = spec.until_s;
  ASSIGN_OR_RETURN(record.inside, choices.Append(spec.backends));
  if ((spec.flags & kServiceFromOutside) != 0) {
    ASSIGN_OR_RETURN(record.outside, choices.Append(spec.outside_backends));
    AppendRanges(spec.source_ranges, record, arrays);
  }
  arrays.services.push_back(record);
  if (arrays.slots.size() > UINT32_MAX || arrays.backends.size() > UINT32_MAX) {
    return absl::ResourceExhaustedError(absl::StrCat(
        Describe(spec), ": ", arrays.slots.size(),
        " words of Maglev tables; at most ", UINT32_MAX, " can be addressed"));
  }
  return absl::OkStatus();
}

// Enters every service into the cells, half of which stay free.
void FillCells(uint64_t seed, Arrays& arrays) {
  arrays.cells.assign(std::bit_ceil(2 * arrays.services.size() + 1), 0);
  const size_t mask = arrays.cells.size() - 1;
  for (uint32_t i = 0; i < arrays.services.size(); ++i) {
    const ServiceRecord& service = arrays.services[i];
    size_t cell = ServiceCellHash(seed, service.address, service.protocol,
                                  service.port, service.zone) &
                  mask;
    uint32_t probes = 0;
    while (arrays.cells[cell] != 0) {
      cell = (cell + 1) & mask;
      ++probes;
    }
    arrays.cells[cell] = i + 1;
    arrays.max_probes = std::max(arrays.max_probes, probes);
  }
}

template <typename T>
ServiceArray AppendArray(const std::vector<T>& array, std::string& blob) {
  blob.resize((blob.size() + 7) / 8 * 8);
  const ServiceArray result{blob.size(), array.size()};
  blob.append(reinterpret_cast<const char*>(array.data()),
              array.size() * sizeof(T));
  return result;
}

}  // namespace

absl::Status ServiceTableBuilder::Insert(ServiceSpec spec) {
  if (spec.port == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(spec), ": the port must be 1 to 65535"));
  }
  if (spec.source_ranges.size() > UINT16_MAX) {
    return absl::ResourceExhaustedError(
        absl::StrCat(Describe(spec), ": ", spec.source_ranges.size(),
                     " source ranges; at most ", UINT16_MAX, " fit"));
  }
  for (std::vector<BackendSpec>* backends :
       {&spec.backends, &spec.outside_backends}) {
    RETURN_IF_ERROR(CheckBackends(spec, *backends));
    // Maglev's turns go by the backends' order, which must not depend on who
    // listed them.
    std::sort(backends->begin(), backends->end());
  }
  const Key key{spec.address, spec.zone, static_cast<uint8_t>(spec.protocol),
                spec.port};
  const std::string description = Describe(spec);
  if (!services_.emplace(key, std::move(spec)).second) {
    return absl::AlreadyExistsError(
        absl::StrCat(description, " is there twice"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ServiceTableBuilder::Build() const {
  MaglevTables used;
  return Build({}, used);
}

absl::StatusOr<std::string> ServiceTableBuilder::Build(
    const MaglevTables& known, MaglevTables& used) const {
  if (services_.empty()) return std::string();
  Arrays arrays;
  Choices choices(known, used, arrays);
  std::set<std::pair<IpAddress, uint16_t>> addresses;
  for (const auto& [key, spec] : services_) {
    if (!spec.shares_address &&
        addresses.insert({key.address, key.zone}).second) {
      ServiceRecord record{};
      record.address = key.address;
      record.service = spec.service;
      record.zone = key.zone;
      arrays.services.push_back(record);
    }
    RETURN_IF_ERROR(AppendService(spec, choices, arrays));
  }
  FillCells(seed_, arrays);
  ServiceHeader header{};
  header.magic = kServiceMagic;
  header.seed = seed_;
  header.max_probes = arrays.max_probes;
  std::string blob(sizeof(header), '\0');
  header.cells = AppendArray(arrays.cells, blob);
  header.services = AppendArray(arrays.services, blob);
  header.backends = AppendArray(arrays.backends, blob);
  header.slots = AppendArray(arrays.slots, blob);
  header.ranges = AppendArray(arrays.ranges, blob);
  std::memcpy(blob.data(), &header, sizeof(header));
  return blob;
}

}  // namespace vswitch
