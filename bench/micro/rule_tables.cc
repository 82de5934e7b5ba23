// One key per combination of set, identity and port.

#include "bench/micro/rule_tables.h"

#include <rte_acl.h>
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <sys/mman.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace vswitch {
namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "policy_benchmark: %s\n", what);
  std::exit(1);
}

template <typename Function>
void ForEachRule(const PolicyWorkload& workload, Function function) {
  for (uint32_t set = 0; set < workload.sets.size(); ++set) {
    for (const PolicyEntry& entry : workload.sets[set].entries) {
      for (IdentityId identity : entry.identities) {
        function(RuleKey{set, ToInt(identity), entry.traffic[0].first,
                         static_cast<uint16_t>(entry.traffic[0].protocol)});
      }
    }
  }
}

// A name that no other table of the process has.
std::string TableName(const char* kind) {
  static int count = 0;
  return kind + std::to_string(count++);
}

// Returns the bytes that DPDK's allocator has given out.
size_t DpdkBytes() {
  rte_malloc_socket_stats stats{};
  Require(rte_malloc_get_socket_stats(static_cast<int>(rte_socket_id()),
                                      &stats) == 0,
          "rte_malloc_get_socket_stats failed");
  return stats.heap_allocsz_bytes;
}

// A rule's key as rte_acl reads it: numbers in network order.
struct AclKey {
  uint8_t protocol;
  uint8_t reserved[3];
  uint32_t set;
  uint32_t identity;
  uint16_t port;
  uint16_t reserved2;
};
constexpr uint32_t kAclFields = 4;
RTE_ACL_RULE_DEF(AclRule, kAclFields);

std::array<rte_acl_field_def, kAclFields> AclFields() {
  auto field = [](uint8_t type, uint8_t size, uint8_t index, uint8_t input,
                  size_t offset) {
    rte_acl_field_def def{};
    def.type = type;
    def.size = size;
    def.field_index = index;
    def.input_index = input;
    def.offset = static_cast<uint32_t>(offset);
    return def;
  };
  return {
      field(RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0, offsetof(AclKey, protocol)),
      field(RTE_ACL_FIELD_TYPE_BITMASK, 4, 1, 1, offsetof(AclKey, set)),
      field(RTE_ACL_FIELD_TYPE_BITMASK, 4, 2, 2, offsetof(AclKey, identity)),
      field(RTE_ACL_FIELD_TYPE_RANGE, 2, 3, 3, offsetof(AclKey, port))};
}

}  // namespace

void InitDpdk() {
  const char* arguments[] = {
      "policy_benchmark", "--no-huge",  "--no-shconf", "--no-pci",
      "--no-telemetry",   "--lcores=0", "-m",          "1024",
      "--log-level=error"};
  std::array<char*, std::size(arguments)> argv;
  for (size_t i = 0; i < argv.size(); ++i) {
    argv[i] = const_cast<char*>(arguments[i]);
  }
  Require(rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0,
          "DPDK does not start");
  // As good as reserved ones, and there without being reserved.
  rte_memseg_list_walk(
      [](const rte_memseg_list* list, void*) {
        madvise(list->base_va, list->len, MADV_HUGEPAGE);
        return 0;
      },
      nullptr);
}

RuleKey KeyOf(const PolicyQuestion& question) {
  return {ToInt(question.set), ToInt(question.query.peer),
          question.query.destination_port,
          static_cast<uint16_t>(question.query.protocol)};
}

RuleHash::RuleHash(const PolicyWorkload& workload) {
  const size_t before = DpdkBytes();
  const std::string name = TableName("hash");
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  parameters.entries = static_cast<uint32_t>(workload.rule_count * 5 / 4 + 64);
  parameters.key_len = sizeof(RuleKey);
  parameters.hash_func = rte_hash_crc;
  parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF;
  hash_ = rte_hash_create(&parameters);
  Require(hash_ != nullptr, "rte_hash_create failed");
  ForEachRule(workload, [&](const RuleKey& key) {
    Require(rte_hash_add_key_data(hash_, &key, hash_) == 0,
            "rte_hash_add_key_data failed");
  });
  bytes_ = DpdkBytes() - before;
}

RuleHash::~RuleHash() { rte_hash_free(hash_); }

bool RuleHash::Allows(const PolicyQuestion& question) const {
  const RuleKey key = KeyOf(question);
  void* data = nullptr;
  return rte_hash_lookup_data(hash_, &key, &data) >= 0;
}

RuleMap::RuleMap(const PolicyWorkload& workload) {
  absl::MutexLock lock(&mutex_);
  ForEachRule(workload, [&](const RuleKey& key) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    rules_[key] = true;
  });
}

bool RuleMap::Allows(const PolicyQuestion& question) const {
  absl::ReaderMutexLock lock(&mutex_);
  return rules_.contains(KeyOf(question));
}

size_t RuleMap::bytes() const {
  absl::ReaderMutexLock lock(&mutex_);
  // A slot and a byte of metadata each (abseil.io/about/design/swisstables).
  return rules_.capacity() * (sizeof(std::pair<RuleKey, bool>) + 1);
}

RuleAcl::RuleAcl(const PolicyWorkload& workload) {
  const size_t before = DpdkBytes();
  const std::string name = TableName("acl");
  rte_acl_param parameters{};
  parameters.name = name.c_str();
  parameters.rule_size = RTE_ACL_RULE_SZ(kAclFields);
  parameters.max_rule_num = static_cast<uint32_t>(workload.rule_count);
  acl_ = rte_acl_create(&parameters);
  Require(acl_ != nullptr, "rte_acl_create failed");
  ForEachRule(workload, [&](const RuleKey& key) {
    AclRule rule{};
    rule.data.category_mask = 1;
    rule.data.priority = 1;
    rule.data.userdata = 1;
    rule.field[0].value.u8 = static_cast<uint8_t>(key.protocol);
    rule.field[0].mask_range.u8 = 0xff;
    rule.field[1].value.u32 = key.set;
    rule.field[1].mask_range.u32 = 0xffffffff;
    rule.field[2].value.u32 = key.identity;
    rule.field[2].mask_range.u32 = 0xffffffff;
    rule.field[3].value.u16 = key.port;
    rule.field[3].mask_range.u16 = key.port;
    Require(rte_acl_add_rules(
                acl_, reinterpret_cast<const rte_acl_rule*>(&rule), 1) == 0,
            "rte_acl_add_rules failed");
  });
  rte_acl_config config{};
  config.num_categories = 1;
  config.num_fields = kAclFields;
  const auto fields = AclFields();
  std::copy(fields.begin(), fields.end(), config.defs);
  Require(rte_acl_build(acl_, &config) == 0, "rte_acl_build failed");
  bytes_ = DpdkBytes() - before;
}

RuleAcl::~RuleAcl() { rte_acl_free(acl_); }

bool RuleAcl::Allows(const PolicyQuestion& question) const {
  const RuleKey key = KeyOf(question);
  const AclKey packed{.protocol = static_cast<uint8_t>(key.protocol),
                      .set = __builtin_bswap32(key.set),
                      .identity = __builtin_bswap32(key.identity),
                      .port = __builtin_bswap16(key.port)};
  const auto* data = reinterpret_cast<const uint8_t*>(&packed);
  uint32_t result = 0;
  rte_acl_classify(acl_, &data, &result, 1, 1);
  return result != 0;
}

}  // namespace vswitch
