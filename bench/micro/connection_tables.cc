// The tables that are compared.

#include "bench/micro/connection_tables.h"

#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/hash/hash.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker{0};
constexpr uint64_t kNow = 1'000'000'000'000;

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "connection_benchmark: %s\n", what);
  std::exit(1);
}

// A name that no other table of the process has.
std::string TableName() {
  static int count = 0;
  return "connections" + std::to_string(count++);
}

}  // namespace

FlowKey ConnectionKey(uint32_t number) {
  FlowKey key;
  key.source = IpAddress::FromIpv4(Be32::FromHost(0x0a000000 + number % 65536));
  key.destination = IpAddress::FromIpv4(Be32::FromHost(0x0ac80001));
  key.source_port =
      Be16::FromHost(static_cast<uint16_t>(1024 + number / 65536));
  key.destination_port = Be16::FromHost(80);
  key.protocol = IpProtocol::kUdp;
  return key;
}

TableBytes::TableBytes(size_t size) : size_(size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Require(memory != MAP_FAILED, "there is no memory for the table");
  madvise(memory, size, MADV_HUGEPAGE);
  memory_ = static_cast<std::byte*>(memory);
}

TableBytes::~TableBytes() { munmap(memory_, size_); }

OurTable::OurTable(uint32_t capacity)
    : memory_(ConnectionTable::BytesFor(capacity)) {
  Require(ConnectionTable::Format(memory_.bytes(), capacity, {{1, 2}}).ok(),
          "the connection table is not formatted");
  table_ = std::make_unique<ConnectionTable>(
      *ConnectionTable::Attach(memory_.bytes(), 1));
}

bool OurTable::Insert(const FlowKey& key) {
  NewConnection connection;
  connection.original = key;
  connection.reply = key.Reversed();
  return table_->Insert(kWorker, connection, kNow).status ==
         InsertStatus::kInserted;
}

uint32_t OurTable::Lookup(std::span<const FlowKey* const> keys) {
  const std::span<ConnectionView> views(views_.data(), keys.size());
  table_->LookupBurst(keys, views);
  return static_cast<uint32_t>(
      std::count_if(views.begin(), views.end(),
                    [](const ConnectionView& view) { return view.found(); }));
}

RteTable::RteTable(uint32_t capacity) {
  const std::string name = TableName();
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  parameters.entries = 2 * capacity + 64;
  parameters.key_len = sizeof(FlowKey);
  parameters.hash_func = rte_hash_crc;
  parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF;
  hash_ = rte_hash_create(&parameters);
  Require(hash_ != nullptr, "rte_hash_create failed");
}

RteTable::~RteTable() { rte_hash_free(hash_); }

bool RteTable::Insert(const FlowKey& key) {
  const FlowKey reply = key.Reversed();
  void* data = reinterpret_cast<void*>(++count_);
  return rte_hash_add_key_data(hash_, &key, data) == 0 &&
         rte_hash_add_key_data(hash_, &reply, data) == 0;
}

uint32_t RteTable::Lookup(std::span<const FlowKey* const> keys) {
  std::array<const void*, kMaxBatch> asked;
  std::array<void*, kMaxBatch> data;
  std::copy(keys.begin(), keys.end(), asked.begin());
  uint64_t hits = 0;
  rte_hash_lookup_bulk_data(hash_, asked.data(),
                            static_cast<uint32_t>(keys.size()), &hits,
                            data.data());
  return static_cast<uint32_t>(__builtin_popcountll(hits));
}

size_t FlatTable::KeyHash::operator()(const FlowKey& key) const {
  return absl::HashOf(key.Words());
}

FlatTable::FlatTable(uint32_t capacity) {
  absl::MutexLock lock(&mutex_);
  entries_.reserve(2 * size_t{capacity});
}

bool FlatTable::Insert(const FlowKey& key) {
  absl::MutexLock lock(&mutex_);
  const auto number = static_cast<uint32_t>(entries_.size());
  entries_.emplace(key, number);
  return entries_.emplace(key.Reversed(), number).second;
}

uint32_t FlatTable::Lookup(std::span<const FlowKey* const> keys) {
  absl::ReaderMutexLock lock(&mutex_);
  uint32_t found = 0;
  for (const FlowKey* key : keys) found += entries_.contains(*key) ? 1 : 0;
  return found;
}

}  // namespace vswitch
