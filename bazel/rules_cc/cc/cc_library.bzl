"""Re-exports the native cc_library."""

cc_library = native.cc_library
