"""grpc_library: C++ messages and services, Python stubs and the descriptor set
of a folder of .proto files, by Debian's protoc and its gRPC plug-ins."""

load("@rules_cc//cc:defs.bzl", "cc_library")

def _protoc(srcs, options):
    locations = " ".join(["$(location {})".format(src) for src in srcs])
    return "protoc -I . {} {}".format(options, locations)

def grpc_library(
        name,
        srcs,
        visibility,
        services = [],
        imports = [],
        deps = []):
    """Declares NAME (C++), NAME_python (a filegroup) and NAME_descriptor.

    Args:
      name: name of the C++ library.
      srcs: .proto files of this package.
      visibility: of all three targets.
      services: those of srcs that declare services.
      imports: .proto files of other packages that srcs import.
      deps: the C++ libraries of those imports.
    """
    stems = [src[:-len(".proto")] for src in srcs]
    service_stems = [src[:-len(".proto")] for src in services]
    cc_commands = [_protoc(srcs, "--cpp_out=$(GENDIR)")]
    python_commands = [_protoc(srcs, "--python_out=$(GENDIR)")]
    if services:
        cc_commands.append(_protoc(
            services,
            "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin " +
            "--grpc_out=$(GENDIR)",
        ))
        python_commands.append(_protoc(
            services,
            "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin " +
            "--grpc_out=$(GENDIR)",
        ))
    headers = ([stem + ".pb.h" for stem in stems] +
               [stem + ".grpc.pb.h" for stem in service_stems])
    sources = ([stem + ".pb.cc" for stem in stems] +
               [stem + ".grpc.pb.cc" for stem in service_stems])
    native.genrule(
        name = name + "_cc_sources",
        srcs = srcs + imports,
        outs = headers + sources,
        cmd = " && ".join(cc_commands),
    )
    cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        # Generated code is not ours to lint.
        copts = ["-Wno-unused-parameter"],
        visibility = visibility,
        deps = deps + ["@system//:grpc"],
    )
    native.genrule(
        name = name + "_python",
        srcs = srcs + imports,
        outs = ([stem + "_pb2.py" for stem in stems] +
                [stem + "_pb2_grpc.py" for stem in service_stems]),
        cmd = " && ".join(python_commands),
        visibility = visibility,
    )
    native.genrule(
        name = name + "_descriptor",
        srcs = srcs + imports,
        outs = [name + ".descriptor"],
        cmd = _protoc(srcs, "--include_imports -o $@"),
        visibility = visibility,
    )
