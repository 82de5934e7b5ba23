// bench/micro/rule_tables.h
//
// What the policy benchmark compares with: the rules of ExactRules(), one key
// each, in tables that hold exact keys (rte_hash, absl::flat_hash_map with a
// reader-writer lock) and in rte_acl, which takes ranges.
//
//   RuleHash hash(workload);
//   bool allowed = hash.Allows(question);
//
// REQUIRES: InitDpdk().  Lookups: any number of threads; the rest: one.

#ifndef VSWITCH_BENCH_MICRO_RULE_TABLES_H_
#define VSWITCH_BENCH_MICRO_RULE_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "bench/micro/policy_workload.h"

struct rte_acl_ctx;
struct rte_hash;

namespace vswitch {

// Starts DPDK without huge pages and without devices; ends the program, with
// words, if that fails.
void InitDpdk();

struct RuleKey {
  uint32_t set;
  uint32_t identity;
  uint16_t port;
  uint16_t protocol;
  friend bool operator==(const RuleKey&, const RuleKey&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const RuleKey& key) {
    return H::combine(std::move(state), key.set, key.identity, key.port,
                      key.protocol);
  }
};
RuleKey KeyOf(const PolicyQuestion& question);

// rte_hash, lock-free for readers.
class RuleHash {
 public:
  explicit RuleHash(const PolicyWorkload& workload);
  ~RuleHash();
  bool Allows(const PolicyQuestion& question) const;
  size_t bytes() const { return bytes_; }

 private:
  rte_hash* hash_;
  size_t bytes_;
};

class RuleMap {
 public:
  explicit RuleMap(const PolicyWorkload& workload);
  bool Allows(const PolicyQuestion& question) const;
  size_t bytes() const;

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<RuleKey, bool> rules_ ABSL_GUARDED_BY(mutex_);
};

class RuleAcl {
 public:
  explicit RuleAcl(const PolicyWorkload& workload);
  ~RuleAcl();
  bool Allows(const PolicyQuestion& question) const;
  size_t bytes() const { return bytes_; }

 private:
  rte_acl_ctx* acl_;
  size_t bytes_;
};

}  // namespace vswitch

#endif  // VSWITCH_BENCH_MICRO_RULE_TABLES_H_
