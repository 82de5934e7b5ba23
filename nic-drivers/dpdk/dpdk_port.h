// nic-drivers/dpdk/dpdk_port.h
//
// DpdkPort: the Port over any DPDK ethdev, named by its devargs:
//
//   net_af_packet0,iface=eth1      net_af_xdp0,iface=eth1
//   net_memif0,role=server,id=1    net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap
//   net_null0                      net_ring0
//   0000:3b:00.0                   a PCI device bound to vfio-pci
//
//   ASSIGN_OR_RETURN(auto port, DpdkPort::Open(config, pool));
//
// Open() plugs the device and the destructor unplugs it, both while others
// carry traffic.  What the device cannot do is done here: a checksum left
// partial is completed, a segment is cut (IPv4 and IPv6; TCP and UDP), so that
// nothing leaves the node with a wrong checksum or too long for the wire.
//
// Thread rule: as port.h.

#ifndef VSWITCH_NIC_DRIVERS_DPDK_DPDK_PORT_H_
#define VSWITCH_NIC_DRIVERS_DPDK_DPDK_PORT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nic-drivers/dpdk/mbuf_pool.h"
#include "nic-drivers/port.h"

struct rte_device;

namespace vswitch {

struct DpdkPortConfig {
  std::string name;     // for messages
  std::string devargs;  // which device, and the driver's own options
  uint32_t mtu = 1500;
  uint16_t queues = 1;
  uint16_t rx_descriptors = 512;
  uint16_t tx_descriptors = 512;
};

// Checks the form of `devargs`: a known driver or a PCI address, no option that
// would make the driver run code or open files beyond its own.
absl::Status ValidateDevargs(const std::string& devargs);

class DpdkPort final : public Port {
 public:
  // REQUIRES: the EAL is started.  `pool` must outlive the port.
  static absl::StatusOr<std::unique_ptr<DpdkPort>> Open(
      const DpdkPortConfig& config, MbufPool& pool);
  ~DpdkPort() override;

  uint16_t RxBurst(uint16_t queue, std::span<rte_mbuf*> packets) override;
  TxResult TxBurst(uint16_t queue, std::span<rte_mbuf* const> packets) override;
  // DPDK's software drivers have no descriptor to wait on: -1.
  int ReadinessFd(uint16_t queue) const override;
  PortDrops TakeDrops(uint16_t queue) override;
  bool LinkUp() const override;
  const PortInfo& Info() const override { return info_; }

 private:
  // A pool for a driver that loses the buffers of its receive queue when it is
  // closed (net_af_xdp of DPDK 22.11); null for others.
  struct OwnPool {
    std::unique_ptr<MbufPool> pool;
    uint32_t lost = 0;  // how many buffers the driver took at start
  };

  DpdkPort(PortInfo info, uint16_t ethdev, rte_device* device, OwnPool own_pool,
           bool tx_chains, MbufPool& pool);

  // Lets the device give back what it sent: closed before, it loses that too.
  void AwaitSent();

  uint16_t CountReady(std::span<rte_mbuf* const> packets) const;
  DropReason SendOne(uint16_t queue, rte_mbuf* packet);
  DropReason SendCut(uint16_t queue, rte_mbuf* packet);
  DropReason WhyNotSent() const;

  const PortInfo info_;
  const uint16_t ethdev_;  // DPDK's number of the device
  rte_device* const device_;
  OwnPool own_pool_;
  const bool tx_chains_;  // whether the device sends packets of many segments
  MbufPool& pool_;
  // Scratch of each queue's worker: the packets that a segment is cut into.
  std::vector<std::vector<rte_mbuf*>> parts_;
};

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_DPDK_DPDK_PORT_H_
