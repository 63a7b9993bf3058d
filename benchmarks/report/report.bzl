"""A program that runs other programs and reports their results."""

def _report_impl(ctx):
    launcher = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        launcher,
        "#!/usr/bin/env bash\nexec {} {} \"$@\"\n".format(
            ctx.file.launcher.short_path,
            " ".join([program.short_path for program in ctx.files.programs]),
        ),
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = ctx.files.data + [ctx.file.launcher])
    for program in ctx.attr.programs:
        runfiles = runfiles.merge(program[DefaultInfo].default_runfiles)
    return [DefaultInfo(executable = launcher, runfiles = runfiles)]

report = rule(
    implementation = _report_impl,
    attrs = {
        "data": attr.label_list(allow_files = True),
        "launcher": attr.label(allow_single_file = True, mandatory = True),
        "programs": attr.label_list(mandatory = True),
    },
    doc = "Runs the launcher with the paths of the programs, for `bazel run`.",
    executable = True,
)
