"""Makes headers includable with brackets, by links in another folder."""

def _include_folder_impl(ctx):
    files = []
    for header in ctx.files.hdrs:
        below = header.short_path[header.short_path.rindex(ctx.attr.folder + "/"):]
        link = ctx.actions.declare_file("include/" + below)
        ctx.actions.symlink(output = link, target_file = header)
        files.append(link)
    return [DefaultInfo(files = depset(files))]

include_folder = rule(
    implementation = _include_folder_impl,
    attrs = {
        "folder": attr.string(mandatory = True),
        "hdrs": attr.label_list(allow_files = [".h"], mandatory = True),
    },
    doc = "Links include/FOLDER/... to each header FOLDER/..., in whichever package it is.",
)
