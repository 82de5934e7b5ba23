"""Re-exports the native cc_toolchain_suite."""

cc_toolchain_suite = native.cc_toolchain_suite
