"""cc_fuzz_target: one libFuzzer entry point, two programs.

NAME is the fuzzer itself: `bazel run --config=fuzz //...:NAME -- DIR`.
NAME_corpus_test runs the committed corpus and a fixed number of mutations of
it through the same entry point, under any configuration, in `bazel test`.
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

def cc_fuzz_target(
        name,
        srcs,
        corpus,
        mutations = 500,
        deps = [],
        tags = [],
        **kwargs):
    """Declares a fuzz target.

    Args:
      name: name of the fuzzer binary.
      srcs: sources that define LLVMFuzzerTestOneInput.
      corpus: labels of the committed seed inputs, at least one.
      mutations: how many of each seed the corpus test runs.
      deps: what the entry point links.
      tags: further tags for the corpus test.
      **kwargs: passed to the library that holds the entry point.
    """
    cc_library(
        name = name + "_entry",
        testonly = True,
        srcs = srcs,
        deps = deps,
        alwayslink = True,
        **kwargs
    )
    cc_binary(
        name = name,
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [":" + name + "_entry"],
    )
    cc_test(
        name = name + "_corpus_test",
        size = "small",
        args = ["--mutations={}".format(mutations)] +
               ["$(locations {})".format(label) for label in corpus],
        data = corpus,
        tags = tags,
        deps = [
            ":" + name + "_entry",
            "//test/fuzz:replay_main",
        ],
    )
