// dataplane/conntrack/packed_record.h
//
// PackedRecord: a ConnectionRecord as it lies in the connection table, in words
// that are read and written one by one.
//
// What a packet of an IPv4 connection needs stands in the first six words,
// which share a cache line with the entry's version, state and times: the last
// four bytes of each address, the ports, what the judgement says of the way.
// The other twelve bytes of the addresses, which for IPv4 are always the same,
// stand in words of their own, which only IPv6 connections have.
//
//   word 0, 1   last 4 bytes of: original source, destination; reply's
//   word 2      ports: original source, destination; reply's
//   word 3      protocol, flags (kStoredIpv4 too), zone; generation
//   word 4      out ports; rule
//   word 5      source epoch, notes; destination epoch, deny response
//   word 6      endpoints; service
//   word 7-12   first 12 bytes of: original source, destination; reply's
//
//   StoreWords(PackRecord(record));
//   const ConnectionRecord record = UnpackRecord(words);
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_PACKED_RECORD_H_
#define VSWITCH_DATAPLANE_CONNTRACK_PACKED_RECORD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/conntrack/connection.h"

namespace vswitch {

inline constexpr uint32_t kRecordWords = 13;
using PackedRecord = std::array<uint64_t, kRecordWords>;

// Words by name.
inline constexpr uint32_t kLowAddressWord = 0;  // and the reply's behind it
inline constexpr uint32_t kPortWord = 2;
inline constexpr uint32_t kProtocolWord = 3;
inline constexpr uint32_t kOutPortWord = 4;
inline constexpr uint32_t kEndpointWord = 6;
inline constexpr uint32_t kHighAddressWord = 7;
inline constexpr uint32_t kHighAddressWords = 6;
// The judgement is in these words.
inline constexpr uint32_t kFirstJudgementWord = kProtocolWord;
inline constexpr uint32_t kLastJudgementWord = kEndpointWord;

// What the words of the high addresses are for IPv4: four times ten zero bytes
// and two of ones (RFC 4291 section 2.5.5.2).
inline constexpr std::array<uint64_t, kHighAddressWords> kIpv4HighAddresses = {
    0, 0xffff0000, 0xffff0000'00000000, 0, 0xffff0000, 0xffff0000'00000000};

// Beside ConnectionFlag in the flags of word 3: the addresses are IPv4.
inline constexpr uint8_t kStoredIpv4 = 0x80;
static_assert(((kNatMapping | kNatContact | kAffinity | kKeptByOriginal |
                kKeptByReply) &
               kStoredIpv4) == 0);

namespace packed_record_internal {

inline uint64_t Pair(uint32_t low, uint32_t high) {
  return uint64_t{high} << 32 | low;
}
inline uint32_t Low(uint64_t word) { return static_cast<uint32_t>(word); }
inline uint32_t High(uint64_t word) {
  return static_cast<uint32_t>(word >> 32);
}

inline uint32_t LastBytes(const IpAddress& address) {
  return High(address.Words()[1]);
}

// Endpoints fit 16 bits (tables/identity_table.h, kMaxBindingEndpoint).
inline uint32_t PackEndpoints(EndpointId source, EndpointId destination) {
  return (ToInt(source) & 0xffff) | ToInt(destination) << 16;
}
inline EndpointId UnpackEndpoint(uint32_t packed) {
  return packed == 0xffff ? kNoEndpoint : EndpointId{packed};
}

}  // namespace packed_record_internal

// Whether the words kHighAddressWord and following are kIpv4HighAddresses.
inline bool IsStoredIpv4(const PackedRecord& words) {
  return (words[kProtocolWord] >> 8 & kStoredIpv4) != 0;
}

inline PackedRecord PackRecord(const ConnectionRecord& record) {
  using packed_record_internal::LastBytes;
  using packed_record_internal::Pair;
  const Judgement& judgement = record.judgement;
  PackedRecord words;
  words[0] = Pair(LastBytes(record.original_source),
                  LastBytes(record.original_destination));
  words[1] =
      Pair(LastBytes(record.reply_source), LastBytes(record.reply_destination));
  words[2] = uint64_t{record.original_source_port.raw} |
             uint64_t{record.original_destination_port.raw} << 16 |
             uint64_t{record.reply_source_port.raw} << 32 |
             uint64_t{record.reply_destination_port.raw} << 48;
  const bool is_ipv4 =
      record.original_source.IsIpv4() && record.original_destination.IsIpv4() &&
      record.reply_source.IsIpv4() && record.reply_destination.IsIpv4();
  const uint32_t flags = record.flags | (is_ipv4 ? kStoredIpv4 : 0u);
  words[3] = Pair(static_cast<uint8_t>(record.protocol) | flags << 8 |
                      uint32_t{record.zone} << 16,
                  judgement.generation);
  words[4] = Pair(ToInt(judgement.out_port[0]) |
                      uint32_t{ToInt(judgement.out_port[1])} << 16,
                  ToInt(judgement.rule));
  words[5] = Pair(judgement.source_epoch | judgement.notes << 24,
                  judgement.destination_epoch |
                      static_cast<uint32_t>(judgement.deny_response) << 24);
  words[6] =
      Pair(packed_record_internal::PackEndpoints(
               judgement.source_endpoint, judgement.destination_endpoint),
           record.service);
  auto* at = reinterpret_cast<uint8_t*>(&words[kHighAddressWord]);
  for (const IpAddress* address :
       {&record.original_source, &record.original_destination,
        &record.reply_source, &record.reply_destination}) {
    std::memcpy(at, address->bytes.data(), 12);
    at += 12;
  }
  return words;
}

inline ConnectionRecord UnpackRecord(const PackedRecord& words) {
  using packed_record_internal::High;
  using packed_record_internal::Low;
  ConnectionRecord record;
  const auto* at = reinterpret_cast<const uint8_t*>(&words[kHighAddressWord]);
  const auto take = [&at](IpAddress& address, uint32_t last) {
    std::memcpy(address.bytes.data(), at, 12);
    std::memcpy(address.bytes.data() + 12, &last, 4);
    at += 12;
  };
  take(record.original_source, Low(words[0]));
  take(record.original_destination, High(words[0]));
  take(record.reply_source, Low(words[1]));
  take(record.reply_destination, High(words[1]));
  record.original_source_port.raw = static_cast<uint16_t>(words[2]);
  record.original_destination_port.raw = static_cast<uint16_t>(words[2] >> 16);
  record.reply_source_port.raw = static_cast<uint16_t>(words[2] >> 32);
  record.reply_destination_port.raw = static_cast<uint16_t>(words[2] >> 48);
  record.protocol = static_cast<IpProtocol>(words[3] & 0xff);
  record.flags = static_cast<uint8_t>(words[3] >> 8) & ~kStoredIpv4 & 0xff;
  record.zone = static_cast<uint16_t>(words[3] >> 16);
  record.service = High(words[6]);
  Judgement& judgement = record.judgement;
  judgement.generation = High(words[3]);
  judgement.out_port = {PortId{static_cast<uint16_t>(words[4])},
                        PortId{static_cast<uint16_t>(words[4] >> 16)}};
  judgement.rule = RuleId{High(words[4])};
  judgement.source_epoch = Low(words[5]) & 0xffffff;
  judgement.notes = static_cast<uint8_t>(words[5] >> 24);
  judgement.destination_epoch = High(words[5]) & 0xffffff;
  judgement.deny_response = static_cast<DenyResponse>(words[5] >> 56);
  judgement.source_endpoint =
      packed_record_internal::UnpackEndpoint(words[6] & 0xffff);
  judgement.destination_endpoint =
      packed_record_internal::UnpackEndpoint(Low(words[6]) >> 16);
  return record;
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_PACKED_RECORD_H_
