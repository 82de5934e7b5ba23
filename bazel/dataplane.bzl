"""cc_library for what every packet goes through."""

load("@rules_cc//cc:defs.bzl", _cc_library = "cc_library")

# More inlining, and the instructions of every x86-64 processor since 2013
# (x86-64-v3), which dataplane/main asks for. A quarter of the time of an
# established packet (bench/pipeline:pipeline_benchmark, 100 000 flows).
_OPTIMIZED_COPTS = [
    "-O3",
    "-fno-semantic-interposition",
    "-march=x86-64-v3",
    "-maes",
]

def cc_library(copts = [], **kwargs):
    """As rules_cc's; with -c opt for speed.

    Args:
      copts: as of cc_library.
      **kwargs: likewise.
    """
    _cc_library(
        copts = copts + select({
            "//bazel:optimized": _OPTIMIZED_COPTS,
            "//conditions:default": [],
        }),
        **kwargs
    )
