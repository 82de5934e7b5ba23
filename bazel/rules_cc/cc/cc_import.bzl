"""Re-exports the native cc_import."""

cc_import = native.cc_import
