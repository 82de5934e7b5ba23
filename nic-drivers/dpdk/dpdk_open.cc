// Plugs an ethdev by its devargs, configures and starts it.

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/status_macros.h"
#include "nic-drivers/dpdk/dpdk_port.h"

namespace vswitch {
namespace {

constexpr size_t kMaxDevargsBytes = 191;  // PortRecord::device

constexpr absl::string_view kDrivers[] = {"net_null",      "net_ring",
                                          "net_pcap",      "net_memif",
                                          "net_af_packet", "net_af_xdp"};

absl::string_view DeviceName(absl::string_view devargs) {
  return devargs.substr(0, devargs.find(','));
}

bool IsPciAddress(absl::string_view name) {
  if (name.size() != 12 || name[4] != ':' || name[7] != ':' ||
      name[10] != '.') {
    return false;
  }
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isxdigit(c) || c == ':' || c == '.';
  });
}

// "net_null0": the driver's name and then digits, so that one driver's name
// that begins another's is not mistaken for it.
bool IsVirtualDevice(absl::string_view name) {
  for (absl::string_view driver : kDrivers) {
    if (!absl::StartsWith(name, driver) || name.size() == driver.size()) {
      continue;
    }
    const absl::string_view rest = name.substr(driver.size());
    if (std::all_of(rest.begin(), rest.end(), absl::ascii_isdigit)) return true;
  }
  return false;
}

absl::Status Failed(const DpdkPortConfig& config, absl::string_view step,
                    int error) {
  return absl::ErrnoToStatus(error < 0 ? -error : error,
                             absl::StrCat("port ", config.name, ", device ",
                                          config.devargs, ": cannot ", step));
}

// The device while it is being opened; unplugged unless it is released.
class Plugged {
 public:
  Plugged(uint16_t ethdev, rte_device* device)
      : ethdev_(ethdev), device_(device) {}
  ~Plugged() {
    if (device_ == nullptr) return;
    rte_eth_dev_stop(ethdev_);
    rte_eth_dev_close(ethdev_);
    rte_dev_remove(device_);
  }
  void Release() { device_ = nullptr; }

 private:
  uint16_t ethdev_;
  rte_device* device_;
};

absl::StatusOr<uint16_t> Plug(const DpdkPortConfig& config) {
  const std::string name(DeviceName(config.devargs));
  uint16_t ethdev = 0;
  // A PCI device is there from the start of the EAL.
  if (rte_eth_dev_get_port_by_name(name.c_str(), &ethdev) == 0) {
    rte_eth_dev_info info{};
    if (rte_eth_dev_info_get(ethdev, &info) == 0 && info.nb_rx_queues > 0) {
      return absl::AlreadyExistsError(
          absl::StrCat("port ", config.name, ", device ", name,
                       ": another port has it already"));
    }
    return ethdev;
  }
  if (int error = rte_dev_probe(config.devargs.c_str()); error != 0) {
    return Failed(config,
                  "plug the device (does it exist? is it bound to "
                  "vfio-pci?)",
                  error);
  }
  if (int error = rte_eth_dev_get_port_by_name(name.c_str(), &ethdev);
      error != 0) {
    return Failed(config, "find the device that was plugged", error);
  }
  return ethdev;
}

// What of the wanted transmit offloads the device has.
uint64_t TxOffloads(const rte_eth_dev_info& info) {
  constexpr uint64_t kChecksums =
      RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
  uint64_t offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  // One of the two alone would need a rule per protocol in every user.
  if ((info.tx_offload_capa & kChecksums) == kChecksums) offloads |= kChecksums;
  return offloads;
}

absl::Status Configure(const DpdkPortConfig& config, uint16_t ethdev,
                       const rte_eth_dev_info& info, uint16_t queues,
                       MbufPool& pool) {
  rte_eth_conf conf{};
  conf.txmode.offloads = TxOffloads(info);
  conf.rxmode.mtu = config.mtu;
  if (queues > 1) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf =
        (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP) &
        info.flow_type_rss_offloads;
  }
  int error = rte_eth_dev_configure(ethdev, queues, queues, &conf);
  if (error != 0) {
    return Failed(config,
                  absl::StrCat("configure it for ", queues, " queues and MTU ",
                               config.mtu),
                  error);
  }
  uint16_t rx = config.rx_descriptors;
  uint16_t tx = config.tx_descriptors;
  error = rte_eth_dev_adjust_nb_rx_tx_desc(ethdev, &rx, &tx);
  if (error != 0) return Failed(config, "size its queues", error);
  const int socket = rte_eth_dev_socket_id(ethdev);
  for (uint16_t queue = 0; queue < queues; ++queue) {
    error =
        rte_eth_rx_queue_setup(ethdev, queue, rx, static_cast<unsigned>(socket),
                               nullptr, pool.packets());
    if (error != 0) return Failed(config, "set up a receive queue", error);
    error = rte_eth_tx_queue_setup(ethdev, queue, tx,
                                   static_cast<unsigned>(socket), nullptr);
    if (error != 0) return Failed(config, "set up a transmit queue", error);
  }
  return absl::OkStatus();
}

// net_af_xdp takes 2048 buffers for its fill ring and twice as many places.
constexpr uint32_t kAfXdpPackets = 4096;

absl::StatusOr<std::unique_ptr<MbufPool>> MakeOwnPool(
    const DpdkPortConfig& config) {
  if (!absl::StartsWith(config.devargs, "net_af_xdp")) {
    return std::unique_ptr<MbufPool>();
  }
  // Unique also while an older one cannot be freed.  Main thread only.
  static uint32_t number = 0;
  return MbufPool::Create({.name = absl::StrCat("xdp", ++number),
                           .packet_count = kAfXdpPackets,
                           .segment_count = 32});
}

absl::Status CheckMtu(const DpdkPortConfig& config,
                      const rte_eth_dev_info& info) {
  if (config.mtu >= info.min_mtu && config.mtu <= info.max_mtu) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "port ", config.name, ", device ", config.devargs, ": mtu ", config.mtu,
      " is not between ", info.min_mtu, " and ", info.max_mtu));
}

PortInfo MakeInfo(const DpdkPortConfig& config, uint16_t ethdev,
                  uint16_t queues, uint64_t offloads) {
  PortInfo info;
  info.name = config.name;
  info.mtu = config.mtu;
  info.queue_count = queues;
  info.tx_checksum = (offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0;
  rte_ether_addr mac{};
  if (rte_eth_macaddr_get(ethdev, &mac) == 0) {
    std::copy(std::begin(mac.addr_bytes), std::end(mac.addr_bytes),
              info.mac.bytes.begin());
  }
  return info;
}

}  // namespace

absl::Status ValidateDevargs(const std::string& devargs) {
  const std::string where = absl::StrCat("device \"", devargs, "\": ");
  if (devargs.size() > kMaxDevargsBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "has more than ", kMaxDevargsBytes, " characters"));
  }
  if (!std::all_of(devargs.begin(), devargs.end(), absl::ascii_isgraph)) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "has a space or an unprintable character"));
  }
  const absl::string_view name = DeviceName(devargs);
  if (!IsVirtualDevice(name) && !IsPciAddress(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        where,
        "must begin with a PCI address (0000:3b:00.0) or with one of net_null, "
        "net_ring, net_pcap, net_memif, net_af_packet, net_af_xdp and a "
        "number"));
  }
  for (absl::string_view option : absl::StrSplit(devargs, ',')) {
    // Loads a program into the kernel from any file.
    if (absl::StartsWith(option, "xdp_prog=")) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, "option xdp_prog is not allowed"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<DpdkPort>> DpdkPort::Open(
    const DpdkPortConfig& config, MbufPool& pool) {
  RETURN_IF_ERROR(ValidateDevargs(config.devargs));
  ASSIGN_OR_RETURN(const uint16_t ethdev, Plug(config));
  rte_eth_dev_info info{};
  const int error = rte_eth_dev_info_get(ethdev, &info);
  if (error != 0) return Failed(config, "ask what it can do", error);
  OwnPool own_pool;  // outlives the device if this fails
  Plugged plugged(ethdev, info.device);
  RETURN_IF_ERROR(CheckMtu(config, info));
  const uint16_t queues = std::max<uint16_t>(
      1, std::min({config.queues, info.max_rx_queues, info.max_tx_queues}));
  ASSIGN_OR_RETURN(own_pool.pool, MakeOwnPool(config));
  MbufPool& rx_pool = own_pool.pool != nullptr ? *own_pool.pool : pool;
  RETURN_IF_ERROR(Configure(config, ethdev, info, queues, rx_pool));
  own_pool.lost = rx_pool.PacketsInUse();
  const int started = rte_eth_dev_start(ethdev);
  if (started != 0) return Failed(config, "start it", started);
  const uint64_t offloads = TxOffloads(info);
  std::unique_ptr<DpdkPort> port(
      new DpdkPort(MakeInfo(config, ethdev, queues, offloads), ethdev,
                   info.device, std::move(own_pool),
                   (offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0, pool));
  plugged.Release();
  return port;
}

}  // namespace vswitch
