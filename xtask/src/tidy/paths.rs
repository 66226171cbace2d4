//! The paths that a Rust file names, written out: imports flattened, `super` and renamed imports resolved.
//!
//! Imports are read from the syntax tree, all other paths from the tokens, so that those in macro calls count as well.

use std::collections::BTreeMap;

use proc_macro2::TokenTree;
use syn::visit::{self, Visit};

use super::source::{Rust, each_token};

/// A path in full, such as `["std", "time", "Instant"]` or `["crate", "net"]`, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FullPath {
    /// The line.
    pub line: usize,
    /// Its segments. An import of everything ends with `*`.
    pub segments: Vec<String>,
}

/// Every path in a file whose module is `module` (for example `["rib", "decision"]`).
pub fn all(rust: &Rust, module: &[&str]) -> Vec<FullPath> {
    let mut scan = Scan::default();
    scan.visit_file(&rust.syntax);
    let Scan { imports, modules } = scan;
    let mut paths: Vec<FullPath> = imports.iter().map(|import| import.path.clone()).collect();
    let names: BTreeMap<&str, &[String]> =
        imports.iter().map(|import| (import.name.as_str(), import.path.segments.as_slice())).collect();

    let mut rest_of_path = 0;
    each_token(&rust.tokens, &mut |rest| {
        // The segments after the first begin no path of their own.
        if rest_of_path > 0 {
            rest_of_path -= 1;
            return;
        }
        let Some((line, mut segments)) = path_at(rest) else { return };
        rest_of_path = (segments.len() - 1) * 3;
        if let Some(full) = segments.first().and_then(|first| names.get(first.as_str())) {
            segments.splice(0..1, full.iter().cloned());
        }
        paths.push(FullPath { line, segments });
    });
    for path in &mut paths {
        let depth = modules.iter().filter(|&&(start, end)| (start..=end).contains(&path.line)).count();
        resolve_super(path, module, depth);
    }
    paths.sort();
    paths.dedup();
    paths
}

struct Import {
    name: String,
    path: FullPath,
}

#[derive(Default)]
struct Scan {
    imports: Vec<Import>,
    /// The lines of `mod name { … }`.
    modules: Vec<(usize, usize)>,
}

impl<'ast> Visit<'ast> for Scan {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if let Some((braces, _)) = &item.content {
            self.modules.push((braces.span.open().start().line, braces.span.close().end().line));
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        flatten(&item.tree, &[], &mut self.imports);
    }
}

fn flatten(tree: &syn::UseTree, before: &[String], imports: &mut Vec<Import>) {
    let with = |ident: &syn::Ident| {
        let own = (ident != "self" || before.is_empty()).then(|| ident.to_string());
        let segments: Vec<String> = before.iter().cloned().chain(own).collect();
        FullPath { line: ident.span().start().line, segments }
    };
    match tree {
        syn::UseTree::Path(path) => flatten(&path.tree, &with(&path.ident).segments, imports),
        syn::UseTree::Name(name) => {
            let path = with(&name.ident);
            imports.push(Import { name: path.segments.last().cloned().unwrap_or_default(), path });
        }
        syn::UseTree::Rename(rename) => {
            imports.push(Import { name: rename.rename.to_string(), path: with(&rename.ident) });
        }
        syn::UseTree::Glob(glob) => {
            let star = syn::Ident::new("everything", glob.star_token.spans[0]);
            let mut path = with(&star);
            path.segments.pop();
            path.segments.push("*".to_owned());
            imports.push(Import { name: "*".to_owned(), path });
        }
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, imports)),
    }
}

/// The path that begins with the first token: identifiers with `::` between.
fn path_at(rest: &[TokenTree]) -> Option<(usize, Vec<String>)> {
    let Some(TokenTree::Ident(first)) = rest.first() else { return None };
    let mut segments = vec![first.to_string()];
    let mut rest = &rest[1..];
    while let [TokenTree::Punct(one), TokenTree::Punct(two), TokenTree::Ident(next), more @ ..] = rest {
        if one.as_char() != ':' || two.as_char() != ':' {
            break;
        }
        segments.push(next.to_string());
        rest = more;
    }
    Some((first.span().start().line, segments))
}

/// Makes `crate::…` of `super::…`, in the file's own module or `depth` modules further in.
fn resolve_super(path: &mut FullPath, module: &[&str], depth: usize) {
    let supers = path.segments.iter().take_while(|segment| *segment == "super").count();
    let levels = module.len() + depth;
    if supers == 0 || supers > levels {
        return;
    }
    let stays = module.iter().take(levels - supers).map(|segment| (*segment).to_owned());
    let stays: Vec<String> = std::iter::once("crate".to_owned()).chain(stays).collect();
    path.segments.splice(0..supers, stays);
}

#[cfg(test)]
mod tests {
    use super::super::source::testing::one;
    use super::*;

    fn paths(text: &str, module: &[&str]) -> Vec<String> {
        let tree = one("a.rs", text);
        let (_, rust) = tree.rust().next().expect("one file");
        all(rust, module).iter().map(|path| format!("{}:{}", path.line, path.segments.join("::"))).collect()
    }

    fn has(text: &str, module: &[&str], path: &str) {
        let paths = paths(text, module);
        assert!(paths.iter().any(|p| p == path), "{path} is not among {paths:?}");
    }

    #[test]
    fn imports_are_written_out() {
        let text = "use crate::{net::{self, Asn},\n    rib};\nuse std::sync::*;\n";
        for path in ["1:crate::net", "1:crate::net::Asn", "2:crate::rib", "3:std::sync::*"] {
            has(text, &[], path);
        }
    }

    #[test]
    fn names_stand_for_what_was_imported() {
        let text =
            "use std::time as clock;\nuse std::fs;\nfn f() {\n    clock::Instant::now();\n    g(fs::read(x));\n}\n";
        has(text, &[], "4:std::time::Instant::now");
        has(text, &[], "5:std::fs::read");
    }

    #[test]
    fn paths_in_macros_and_generics_count() {
        let text = "fn f() {\n    assert!(Vec::<crate::rib::Rib>::new() == vec![crate::fib::X]);\n}\n";
        has(text, &[], "2:crate::rib::Rib");
        has(text, &[], "2:crate::fib::X");
    }

    #[test]
    fn super_leads_out_of_modules() {
        has("use super::super::fib::Fib;\n", &["rib", "decision"], "1:crate::fib::Fib");
        has("use super::table;\n", &["rib", "decision"], "1:crate::rib::table");
        has("mod tests {\n    use super::super::x;\n}\n", &["rib"], "2:crate::x");
        has("mod tests {\n    use super::x;\n}\n", &["rib"], "2:crate::rib::x");
    }
}
