"""system_test: a Python test that runs the whole switch in network namespaces
of its own."""

def system_test(name, data = [], **kwargs):
    """Declares the test NAME, whose code is NAME.py.

    Args:
      name: name of the test.
      data: what it needs besides the switch and the harness.
      **kwargs: of sh_test.
    """
    native.sh_test(
        name = name,
        size = "medium",
        srcs = ["//test/system:run_test.sh"],
        args = [native.package_name() + "/" + name + ".py"],
        data = data + [
            name + ".py",
            "//controlplane/cli:vswitchctl",
            "//controlplane/daemon:vswitch-controlplane",
            "//dataplane/main:vswitch-dataplane",
            "//dataplane/supervisor:vswitchd",
            "//deploy/examples:quickstart",
            "//deploy/examples:what-if",
            "//test/system:harness.py",
            "//test/system:stream.py",
            "//tools/quickstart:lab",
        ],
        # Namespaces and interfaces are the machine's; timing is measured.
        tags = ["exclusive", "local", "no-sandbox", "system"],
        **kwargs
    )
