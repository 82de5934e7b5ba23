"""grpc_library: C++ messages and services, Python stubs and the descriptor set
of a folder of .proto files, by Debian's protoc and its gRPC plug-ins."""

load("@rules_cc//cc:defs.bzl", "cc_library")

def grpc_library(name, srcs, services, visibility):
    """Declares NAME (C++), NAME_python (a filegroup) and NAME_descriptor.

    Args:
      name: name of the C++ library.
      srcs: .proto files of this package.
      services: those of srcs that declare services.
      visibility: of all three targets.
    """
    stems = [src[:-len(".proto")] for src in srcs]
    service_stems = [src[:-len(".proto")] for src in services]
    headers = ([stem + ".pb.h" for stem in stems] +
               [stem + ".grpc.pb.h" for stem in service_stems])
    sources = ([stem + ".pb.cc" for stem in stems] +
               [stem + ".grpc.pb.cc" for stem in service_stems])
    locations = " ".join(["$(location {})".format(src) for src in srcs])
    service_locations = " ".join(
        ["$(location {})".format(src) for src in services],
    )
    native.genrule(
        name = name + "_cc_sources",
        srcs = srcs,
        outs = headers + sources,
        cmd = ("protoc -I . --cpp_out=$(GENDIR) {all} && " +
               "protoc -I . --plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin" +
               " --grpc_out=$(GENDIR) {services}").format(
            all = locations,
            services = service_locations,
        ),
    )
    cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        # Generated code is not ours to lint.
        copts = ["-Wno-unused-parameter"],
        visibility = visibility,
        deps = ["@system//:grpc"],
    )
    native.genrule(
        name = name + "_python",
        srcs = srcs,
        outs = ([stem + "_pb2.py" for stem in stems] +
                [stem + "_pb2_grpc.py" for stem in service_stems]),
        cmd = ("protoc -I . --python_out=$(GENDIR) {all} && " +
               "protoc -I . --plugin=protoc-gen-grpc=" +
               "/usr/bin/grpc_python_plugin --grpc_out=$(GENDIR) " +
               "{services}").format(
            all = locations,
            services = service_locations,
        ),
        visibility = visibility,
    )
    native.genrule(
        name = name + "_descriptor",
        srcs = srcs,
        outs = [name + ".descriptor"],
        cmd = "protoc -I . --include_imports -o $@ " + locations,
        visibility = visibility,
    )
