"""One repository, @system, of the Debian packages that this project links.

Each library is a cc_library whose link flags come from pkg-config (or from the
table where a package ships no .pc file).  Headers in /usr/include are found by
the compiler itself; DPDK's are in a folder of their own, which is linked into
the repository so that only targets that depend on @system//:dpdk* see them.
"""

# name -> pkg-config modules.
_PKG_CONFIG_LIBRARIES = {
    "absl": [
        "absl_any_invocable",
        "absl_cleanup",
        "absl_flat_hash_map",
        "absl_flat_hash_set",
        "absl_hash",
        "absl_inlined_vector",
        "absl_span",
        "absl_status",
        "absl_statusor",
        "absl_str_format",
        "absl_strings",
        "absl_synchronization",
        "absl_time",
    ],
    "benchmark": ["benchmark"],
    "cli11": ["CLI11"],
    "gmock": ["gmock"],
    "grpc": ["grpc++", "protobuf"],
    "gtest": ["gtest"],
    "microhttpd": ["libmicrohttpd"],
    "nlohmann_json": ["nlohmann_json"],
    "pcap": ["libpcap"],
    "protobuf": ["protobuf"],
    "seccomp": ["libseccomp"],
    "yaml_cpp": ["yaml-cpp"],
}

# name -> link flags, for packages without a .pc file.
_PLAIN_LIBRARIES = {
    "grpc_reflection": ["-lgrpc++_reflection"],
    "gtest_main": ["-lgtest_main", "-lgtest", "-lpthread"],
    "rapidcheck": ["-lrapidcheck"],
    "relacy": [],
}

def _pkg_config(repository_ctx, arguments):
    result = repository_ctx.execute(["pkg-config"] + arguments)
    if result.return_code != 0:
        fail("pkg-config {} failed; has tools/setup run?\n{}".format(
            " ".join(arguments),
            result.stderr,
        ))

    # pkg-config repeats libraries; the last occurrence is the one that counts
    # for static archives and any does for shared ones.
    flags = []
    for flag in result.stdout.strip().split(" "):
        if flag and flag not in flags:
            flags.append(flag)
    return flags

def _library(name, linkopts, extra = ""):
    return """
cc_library(
    name = "{name}",
    linkopts = {linkopts},{extra}
)
""".format(name = name, linkopts = linkopts, extra = extra)

def _system_libraries_impl(repository_ctx):
    build = ["# Made by //bazel:system_libraries.bzl.",
             "package(default_visibility = [\"//visibility:public\"])", ""]
    for name, modules in _PKG_CONFIG_LIBRARIES.items():
        linkopts = _pkg_config(repository_ctx, ["--libs"] + modules)
        build.append(_library(name, linkopts))
    for name, linkopts in _PLAIN_LIBRARIES.items():
        build.append(_library(name, linkopts))

    # DPDK: the headers alone (for code that uses inline mbuf accessors and must
    # link without DPDK), and the libraries.
    repository_ctx.symlink("/usr/include/dpdk", "dpdk")
    repository_ctx.symlink("/usr/include/x86_64-linux-gnu/dpdk", "dpdk_arch")
    build.append("""
cc_library(
    name = "dpdk_headers",
    hdrs = glob(["dpdk/**/*.h", "dpdk_arch/**/*.h"]),
    includes = ["dpdk", "dpdk_arch"],
)
""")
    dpdk = [
        flag
        for flag in _pkg_config(repository_ctx, ["--libs", "libdpdk"])
        if flag in _DPDK_LINK_FLAGS
    ]
    build.append(_library("dpdk", dpdk, "\n    deps = [\":dpdk_headers\"],"))
    repository_ctx.file("BUILD.bazel", "\n".join(build))

# The part of DPDK that //nic-drivers/dpdk and //dataplane/main use.
_DPDK_LINK_FLAGS = [
    "-lrte_eal",
    "-lrte_ethdev",
    "-lrte_kvargs",
    "-lrte_mbuf",
    "-lrte_mempool",
    "-lrte_pci",
    "-lrte_ring",
    "-lrte_net",
    "-lrte_telemetry",
]

system_libraries = repository_rule(
    implementation = _system_libraries_impl,
    local = True,
    environ = ["PKG_CONFIG_PATH"],
)
