"""Re-exports the native cc_toolchain."""

cc_toolchain = native.cc_toolchain
