// dataplane/policy/policy_signature.h
//
// Signatures: which entries of a policy set match, as ascending ranks; rank 0
// is the strongest entry.  Peers, ports or addresses of equal signatures are of
// one class, because no rule tells them apart.
//
//   ClassNumbering classes;
//   ASSIGN_OR_RETURN(uint16_t number, classes.Number(signature));
//
// Part of the builder; control thread only.

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_SIGNATURE_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_SIGNATURE_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/statusor.h"

namespace vswitch {

using Signature = std::vector<uint32_t>;

// Numbers signatures in the order of their first appearance.
class ClassNumbering {
 public:
  // RESOURCE_EXHAUSTED when 65536 classes are not enough.
  absl::StatusOr<uint16_t> Number(const Signature& signature) {
    const auto [it, inserted] = numbers_.try_emplace(
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

// Entries that match at the moment of a sweep, each by how many of its parts.
class ActiveEntries {
 public:
  void Change(uint32_t rank, int by) {
    if ((counts_[rank] += by) == 0) counts_.erase(rank);
  }
  Signature signature() const {
    Signature result;
    result.reserve(counts_.size());
    for (const auto& [rank, count] : counts_) result.push_back(rank);
    return result;
  }

 private:
  std::map<uint32_t, int> counts_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_SIGNATURE_H_
