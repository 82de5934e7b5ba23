// controlplane/compile/health_check.h
//
// HealthCheck: a port of the node where load balancers ask whether the node has
// endpoints of a service (spec.healthCheckNodePort).
//
// A plain value: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_HEALTH_CHECK_H_
#define VSWITCH_CONTROLPLANE_COMPILE_HEALTH_CHECK_H_

#include <cstdint>
#include <string>

namespace vswitch {

struct HealthCheck {
  uint16_t port = 0;
  std::string service_namespace;
  std::string service_name;
  uint32_t local_endpoints = 0;  // ready ones
  friend bool operator==(const HealthCheck&, const HealthCheck&) = default;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_HEALTH_CHECK_H_
