"""Re-exports the native cc_proto_library."""

cc_proto_library = native.cc_proto_library
