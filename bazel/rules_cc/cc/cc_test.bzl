"""Re-exports the native cc_test."""

cc_test = native.cc_test
