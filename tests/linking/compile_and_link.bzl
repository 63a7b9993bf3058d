"""Tests that the compiler or linker accepts code, or refuses it with the right error.

An action runs the command that cc_library or cc_binary would run, and saves its
output and status. The test reads them.
"""

load("@rules_cc//cc:action_names.bzl", "ACTION_NAMES")
load("@rules_cc//cc:defs.bzl", "CcInfo", "cc_common")
load("@rules_cc//cc:find_cc_toolchain.bzl", "find_cc_toolchain")

# $1: the log; $2: the command's output file, which is deleted; the rest: the command.
_RUN = """\
log=$1 out=$2
shift 2
status=0
"$@" >"$log" 2>&1 || status=$?
rm -f "$out"
echo "status: $status" >>"$log"
"""

_MUST_SUCCEED = """\
#!/bin/sh
cat '{log}'
[ "$(tail -n 1 '{log}')" = "status: 0" ]
"""

_MUST_FAIL = """\
#!/bin/sh
cat '{log}'
if [ "$(tail -n 1 '{log}')" = "status: 0" ]; then
  echo "This should have been refused."
  exit 1
fi
if ! grep -qF '{text}' '{log}'; then
  echo "This was refused, but not with '{text}'."
  exit 1
fi
if [ '{one_error}' = True ] && [ "$(grep -c 'error: ' '{log}')" -ne 1 ]; then
  echo "There is more than one error."
  exit 1
fi
"""

def _configure(ctx):
    toolchain = find_cc_toolchain(ctx)
    return toolchain, cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        # These need module maps, which this rule does not make.
        unsupported_features = ctx.disabled_features + ["layering_check", "module_maps", "parse_headers"],
    )

def _test_of_command(ctx, toolchain, features, log, output, action_name, variables, inputs):
    """Declares the action that runs the command. Returns the test's providers."""
    what = {"action_name": action_name, "feature_configuration": features, "variables": variables}
    environment = dict(ctx.configuration.default_shell_env)
    environment.update(cc_common.get_environment_variables(**what))
    environment["LC_ALL"] = "C"
    ctx.actions.run_shell(
        outputs = [log],
        inputs = depset(transitive = inputs + [toolchain.all_files]),
        command = _RUN,
        arguments = [log.path, output] +
                    [cc_common.get_tool_for_action(action_name = action_name, feature_configuration = features)] +
                    cc_common.get_memory_inefficient_command_line(**what),
        env = environment,
        mnemonic = "TryCc",
        progress_message = "Trying %s" % ctx.label,
    )
    if "'" in ctx.attr.refused_with:
        fail("a quote in refused_with: " + ctx.attr.refused_with)
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        script,
        (_MUST_FAIL if ctx.attr.refused_with else _MUST_SUCCEED).format(
            log = log.short_path,
            one_error = ctx.attr.one_error,
            text = ctx.attr.refused_with,
        ),
        is_executable = True,
    )
    return [DefaultInfo(executable = script, runfiles = ctx.runfiles(files = [log]))]

def _cc_compile_test_impl(ctx):
    toolchain, features = _configure(ctx)
    dep = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps]).compilation_context
    log = ctx.actions.declare_file(ctx.label.name + ".log")
    output = log.path + ".o"
    variables = cc_common.create_compile_variables(
        cc_toolchain = toolchain,
        feature_configuration = features,
        include_directories = dep.includes,
        output_file = output,
        preprocessor_defines = dep.defines,
        quote_include_directories = dep.quote_includes,
        source_file = ctx.file.src.path,
        system_include_directories = dep.system_includes,
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + ctx.attr.copts,
    )
    return _test_of_command(
        ctx,
        toolchain,
        features,
        log,
        output,
        ACTION_NAMES.cpp_compile,
        variables,
        [depset([ctx.file.src]), dep.headers],
    )

def _cc_link_test_impl(ctx):
    toolchain, features = _configure(ctx)
    dep = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in [ctx.attr.main] + ctx.attr.deps]).linking_context
    main, libraries, flags, inputs = [], [], [], list(ctx.files.archives)
    for linker_input in dep.linker_inputs.to_list():
        flags += linker_input.user_link_flags
        inputs += linker_input.additional_inputs
        is_main = linker_input.owner == ctx.attr.main.label
        for library in linker_input.libraries:
            static = library.pic_static_library or library.static_library
            if ctx.attr.dynamic and not is_main:
                file = library.dynamic_library or static
            else:
                file = static or library.dynamic_library
            inputs.append(file)
            if is_main:
                main.append(file.path)
            elif file == static and library.alwayslink:
                libraries += ["-Wl,-whole-archive", file.path, "-Wl,-no-whole-archive"]
            else:
                libraries.append(file.path)
    log = ctx.actions.declare_file(ctx.label.name + ".log")
    output = log.path + ".out"
    variables = cc_common.create_link_variables(
        cc_toolchain = toolchain,
        feature_configuration = features,
        is_linking_dynamic_library = False,
        is_static_linking_mode = not ctx.attr.dynamic,
        output_file = output,
        user_link_flags = main + libraries + [file.path for file in ctx.files.archives] + flags + ctx.fragments.cpp.linkopts,
    )
    return _test_of_command(
        ctx,
        toolchain,
        features,
        log,
        output,
        ACTION_NAMES.cpp_link_executable,
        variables,
        [depset(inputs)],
    )

_ATTRS = {
    "deps": attr.label_list(providers = [CcInfo]),
    "one_error": attr.bool(doc = "Whether there must be exactly one error."),
    "refused_with": attr.string(doc = "Part of the expected error message. Empty: there must be no error."),
    "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
}

cc_compile_test = rule(
    implementation = _cc_compile_test_impl,
    attrs = dict(
        _ATTRS,
        src = attr.label(allow_single_file = [".cc"], mandatory = True),
        copts = attr.string_list(),
    ),
    fragments = ["cpp"],
    test = True,
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

cc_link_test = rule(
    implementation = _cc_link_test_impl,
    attrs = dict(
        _ATTRS,
        archives = attr.label_list(
            allow_files = [".a"],
            doc = "Static libraries, without their dependencies.",
        ),
        dynamic = attr.bool(doc = "Link shared objects where there are any."),
        main = attr.label(
            doc = "A cc_library with main(). It is linked first, like the objects of a cc_binary.",
            mandatory = True,
            providers = [CcInfo],
        ),
    ),
    fragments = ["cpp"],
    test = True,
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
