// Finds the classes by the list of entries that match, the signature: equal
// signatures are one class.

#include "dataplane/policy/policy_set_compiler.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// Ranks of the entries that match, ascending: rank 0 is the strongest entry.
using Signature = std::vector<uint32_t>;

// Numbers signatures in the order of their first appearance.
class ClassNumbering {
 public:
  absl::StatusOr<uint16_t> Number(const Signature& signature) {
    auto [it, inserted] = numbers_.try_emplace(
        signature, static_cast<uint32_t>(signatures_.size()));
    if (inserted) {
      if (signatures_.size() > 0xffff) {
        return absl::ResourceExhaustedError(
            "a policy set needs more than 65536 classes; use fewer distinct "
            "ports or peers");
      }
      signatures_.push_back(signature);
    }
    return static_cast<uint16_t>(it->second);
  }
  const std::vector<Signature>& signatures() const { return signatures_; }

 private:
  std::map<Signature, uint32_t> numbers_;
  std::vector<Signature> signatures_;
};

int ProtocolIndex(IpProtocol protocol) {
  if (protocol == IpProtocol::kTcp) return 0;
  return protocol == IpProtocol::kUdp ? 1 : 2;
}

// Entries by rank, and the classes found so far.
class SetCompiler {
 public:
  explicit SetCompiler(const PolicySetSpec& spec) {
    for (const PolicyEntry& entry : spec.entries) ranked_.push_back(&entry);
    // Stable: of equal precedence the first entry is the stronger.
    std::stable_sort(ranked_.begin(), ranked_.end(),
                     [](const PolicyEntry* a, const PolicyEntry* b) {
                       return a->precedence > b->precedence;
                     });
    set_.default_precedence = spec.default_precedence;
  }

  absl::StatusOr<CompiledSet> Compile(uint64_t max_cells) {
    RETURN_IF_ERROR(ClassifyIdentities());
    RETURN_IF_ERROR(ClassifyPorts());
    RETURN_IF_ERROR(ClassifyPrefixes());
    uint64_t rows = identity_classes_.signatures().size() +
                    cidr_classes_.signatures().size();
    uint64_t cells = rows * port_classes_.signatures().size();
    if (cells > max_cells) {
      return absl::ResourceExhaustedError(
          absl::StrCat("a policy set of ", ranked_.size(), " entries needs ",
                       cells, " verdict cells, ", max_cells, " are free"));
    }
    FillCells();
    return std::move(set_);
  }

 private:
  absl::Status ClassifyIdentities() {
    Signature any;
    std::map<IdentityId, Signature> by_identity;
    for (uint32_t rank = 0; rank < ranked_.size(); ++rank) {
      if (ranked_[rank]->any_peer) any.push_back(rank);
      for (IdentityId id : ranked_[rank]->identities) {
        by_identity[id].push_back(rank);
      }
    }
    RETURN_IF_ERROR(identity_classes_.Number(any).status());
    for (const auto& [id, signature] : by_identity) {
      Signature merged;
      std::merge(any.begin(), any.end(), signature.begin(), signature.end(),
                 std::back_inserter(merged));
      ASSIGN_OR_RETURN(uint16_t number, identity_classes_.Number(merged));
      set_.identities.emplace_back(id, number);
    }
    set_.identity_class_count = identity_classes_.signatures().size();
    return absl::OkStatus();
  }

  absl::Status ClassifyPorts() {
    Signature any;
    for (uint32_t rank = 0; rank < ranked_.size(); ++rank) {
      if (ranked_[rank]->traffic.empty()) any.push_back(rank);
    }
    ASSIGN_OR_RETURN(set_.other_class, port_classes_.Number(any));
    for (int protocol = 0; protocol < 3; ++protocol) {
      RETURN_IF_ERROR(ClassifyProtocol(protocol, any));
    }
    set_.port_class_count = port_classes_.signatures().size();
    return absl::OkStatus();
  }

  // Sweeps the ports from 0 up, with the entries active at each.
  absl::Status ClassifyProtocol(int protocol, const Signature& any) {
    // Port to the changes there: rank, +1 begins or -1 ends.
    std::map<uint32_t, std::vector<std::pair<uint32_t, int>>> changes;
    changes[0];
    for (uint32_t rank = 0; rank < ranked_.size(); ++rank) {
      for (const TrafficMatch& match : ranked_[rank]->traffic) {
        if (ProtocolIndex(match.protocol) != protocol) continue;
        changes[match.first].emplace_back(rank, 1);
        changes[match.last + 1u].emplace_back(rank, -1);
      }
    }
    std::map<uint32_t, int> active;  // rank to how many of its ranges
    for (uint32_t rank : any) active[rank] = 1;
    std::vector<PortRangeClass>& ranges = set_.ports[protocol];
    for (const auto& [port, list] : changes) {
      for (auto [rank, change] : list) {
        if ((active[rank] += change) == 0) active.erase(rank);
      }
      if (port > 65535) break;
      Signature signature;
      for (const auto& [rank, count] : active) signature.push_back(rank);
      ASSIGN_OR_RETURN(uint16_t number, port_classes_.Number(signature));
      if (ranges.empty() || ranges.back().port_class != number) {
        ranges.push_back({.first = port, .port_class = number});
      }
    }
    return absl::OkStatus();
  }

  // An address whose most specific prefix is P is matched by those CIDRs that
  // contain P and have no exception that contains P: walking the prefixes in
  // order, what begins at P is added to what its parent has, what is excepted
  // at P taken away.
  absl::Status ClassifyPrefixes() {
    struct Changes {
      std::vector<uint32_t> begins, ends;  // numbers of CIDR matches
    };
    std::map<IpPrefix, Changes, PrefixOrder> changes;
    std::vector<uint32_t> rank_of_match;
    for (uint32_t rank = 0; rank < ranked_.size(); ++rank) {
      for (const CidrMatch& match : ranked_[rank]->cidrs) {
        uint32_t number = static_cast<uint32_t>(rank_of_match.size());
        rank_of_match.push_back(rank);
        changes[match.cidr].begins.push_back(number);
        for (const IpPrefix& except : match.except) {
          changes[except].ends.push_back(number);
        }
      }
    }
    std::vector<std::pair<IpPrefix, std::set<uint32_t>>> parents;
    for (const auto& [prefix, change] : changes) {
      while (!parents.empty() &&
             !(parents.back().first.Contains(prefix.address) &&
               parents.back().first.prefix_bits <= prefix.prefix_bits)) {
        parents.pop_back();
      }
      std::set<uint32_t> matches;
      if (!parents.empty()) matches = parents.back().second;
      matches.insert(change.begins.begin(), change.begins.end());
      for (uint32_t number : change.ends) matches.erase(number);
      std::set<uint32_t> ranks;
      for (uint32_t number : matches) ranks.insert(rank_of_match[number]);
      ASSIGN_OR_RETURN(uint16_t number, cidr_classes_.Number(Signature(
                                            ranks.begin(), ranks.end())));
      if (number == 0xffff) {
        return absl::ResourceExhaustedError(
            "a policy set needs more than 65534 CIDR classes");
      }
      set_.prefixes[prefix] = static_cast<uint16_t>(number + 1);
      parents.emplace_back(prefix, std::move(matches));
    }
    set_.cidr_class_count = cidr_classes_.signatures().size() + 1;
    return absl::OkStatus();
  }

  PolicyCell Strongest(const Signature& peer, const Signature& port) const {
    auto a = peer.begin();
    auto b = port.begin();
    while (a != peer.end() && b != port.end()) {
      if (*a == *b) {
        return {ToInt(ranked_[*a]->rule), ranked_[*a]->precedence};
      }
      if (*a < *b) {
        ++a;
      } else {
        ++b;
      }
    }
    return {ToInt(kNoRule), 0};
  }

  void FillCells() {
    for (const Signature& peer : identity_classes_.signatures()) {
      for (const Signature& port : port_classes_.signatures()) {
        set_.identity_cells.push_back(Strongest(peer, port));
      }
    }
    for (const Signature& peer : cidr_classes_.signatures()) {
      for (const Signature& port : port_classes_.signatures()) {
        set_.cidr_cells.push_back(Strongest(peer, port));
      }
    }
  }

  std::vector<const PolicyEntry*> ranked_;
  ClassNumbering identity_classes_, port_classes_, cidr_classes_;
  CompiledSet set_;
};

}  // namespace

bool PrefixOrder::operator()(const IpPrefix& a, const IpPrefix& b) const {
  if (a.address.family() != b.address.family()) {
    return a.address.family() < b.address.family();
  }
  int order = std::memcmp(a.address.bytes.data(), b.address.bytes.data(), 16);
  if (order != 0) return order < 0;
  return a.prefix_bits < b.prefix_bits;
}

absl::StatusOr<CompiledSet> CompileSet(const PolicySetSpec& spec,
                                       uint64_t max_cells) {
  return SetCompiler(spec).Compile(max_cells);
}

}  // namespace vswitch
