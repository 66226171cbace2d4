//! The workspace's text files, with Rust parsed, and which of its lines are test code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Folders that are not ours, or not sources.
const SKIPPED: &[&str] = &["target", ".git", "corpus", "artifacts"];

/// All text files.
pub struct Tree {
    files: Vec<Source>,
}

/// One text file.
pub struct Source {
    /// Relative to the workspace, with `/`.
    pub path: String,
    /// The content.
    pub text: String,
    /// For `.rs` files.
    pub rust: Option<Rust>,
}

/// What a Rust file consists of.
pub struct Rust {
    /// Its items.
    pub syntax: syn::File,
    /// Every token, those in macro calls included; comments are not among them.
    pub tokens: TokenStream,
    /// Every function with a body.
    pub functions: Vec<Function>,
    whole_is_test: bool,
    test_lines: Vec<(usize, usize)>,
}

/// A function or method, from `fn` to its closing brace.
pub struct Function {
    /// Its name.
    pub name: String,
    /// The first line.
    pub start: usize,
    /// The last line.
    pub end: usize,
}

impl Tree {
    /// Reads a workspace.
    ///
    /// # Errors
    /// When a file cannot be read, or is no Rust although it is called so.
    pub fn load(root: &Path) -> Result<Self> {
        let mut texts = Vec::new();
        read_dir(root, "", &mut texts)?;
        texts.sort();
        Self::parse(texts)
    }

    /// From paths and contents.
    pub fn parse(texts: Vec<(String, String)>) -> Result<Self> {
        let mut files = Vec::new();
        for (path, text) in texts {
            let rust = if path.ends_with(".rs") { Some(Rust::parse(&path, &text)?) } else { None };
            files.push(Source { path, text, rust });
        }
        let tests = test_modules(&files);
        for file in &mut files {
            if let Some(rust) = &mut file.rust {
                rust.whole_is_test = is_test_file(&file.path, &tests);
            }
        }
        Ok(Self { files })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Every file.
    pub fn files(&self) -> impl Iterator<Item = &Source> {
        self.files.iter()
    }

    /// Every Rust file.
    pub fn rust(&self) -> impl Iterator<Item = (&Source, &Rust)> {
        self.files.iter().filter_map(|file| Some((file, file.rust.as_ref()?)))
    }
}

impl Rust {
    fn parse(path: &str, text: &str) -> Result<Self> {
        let syntax = syn::parse_file(text).with_context(|| format!("{path} is not Rust"))?;
        let tokens = text.parse().map_err(|error| anyhow::anyhow!("{path} is not Rust: {error}"))?;
        let mut scan = Scan::default();
        scan.visit_file(&syntax);
        let Scan { functions, test_lines } = scan;
        Ok(Self { syntax, tokens, functions, whole_is_test: false, test_lines })
    }

    /// Whether a line is compiled only for tests.
    pub fn is_test(&self, line: usize) -> bool {
        self.whole_is_test || self.test_lines.iter().any(|&(start, end)| (start..=end).contains(&line))
    }

    /// The innermost function around a line.
    pub fn function_at(&self, line: usize) -> Option<&Function> {
        self.functions.iter().filter(|f| (f.start..=f.end).contains(&line)).min_by_key(|f| f.end - f.start)
    }
}

/// Calls `found` with every token and those that follow it in the same group, groups' contents included.
pub fn each_token(tokens: &TokenStream, found: &mut impl FnMut(&[TokenTree])) {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    for (index, tree) in trees.iter().enumerate() {
        if let Some(rest) = trees.get(index..) {
            found(rest);
        }
        if let TokenTree::Group(group) = tree {
            each_token(&group.stream(), found);
        }
    }
}

/// Whether attributes say `#[cfg(test)]`, alone or among other conditions.
pub fn is_cfg_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let mut found = false;
        if let syn::Meta::List(list) = &attribute.meta {
            let negated = list.tokens.to_string().contains("not");
            each_token(&list.tokens, &mut |rest| {
                found |= matches!(rest.first(), Some(TokenTree::Ident(i)) if i == "test")
            });
            found &= !negated;
        }
        found
    })
}

#[derive(Default)]
struct Scan {
    functions: Vec<Function>,
    test_lines: Vec<(usize, usize)>,
}

impl Scan {
    fn item(&mut self, attributes: &[syn::Attribute], item: &impl Spanned) {
        if is_cfg_test(attributes) || attributes.iter().any(is_test_attribute) {
            let span = item.span();
            self.test_lines.push((span.start().line, span.end().line));
        }
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let start = signature.fn_token.span.start().line;
        let end = block.brace_token.span.close().end().line;
        self.functions.push(Function { name: signature.ident.to_string(), start, end });
    }
}

impl<'ast> Visit<'ast> for Scan {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.item(&item.attrs, item);
        visit::visit_item_mod(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.item(&item.attrs, item);
        visit::visit_item_impl(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.item(&item.attrs, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.item(&item.attrs, item);
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.item(&item.attrs, item);
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

/// `#[test]`, `#[tokio::test]`.
fn is_test_attribute(attribute: &syn::Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == "test")
}

/// Where `#[cfg(test)] mod name;` leads, without the extension.
fn test_modules(files: &[Source]) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for (file, rust) in files.iter().filter_map(|file| Some((file, file.rust.as_ref()?))) {
        let folder = module_folder(&file.path);
        for item in &rust.syntax.items {
            if let syn::Item::Mod(item) = item
                && item.content.is_none()
                && is_cfg_test(&item.attrs)
            {
                modules.insert(format!("{folder}{}", item.ident));
            }
        }
    }
    modules
}

/// The folder in which a file's submodules are, with a `/` at its end.
fn module_folder(path: &str) -> String {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.strip_suffix(".rs").unwrap_or(name);
    let dir = if dir.is_empty() { String::new() } else { format!("{dir}/") };
    if matches!(stem, "mod" | "lib" | "main") { dir } else { format!("{dir}{stem}/") }
}

/// The crate `tests` and every crate's `tests/` and `benches/` are for testing as a whole.
fn is_test_file(path: &str, modules: &BTreeSet<String>) -> bool {
    let in_folder = path.starts_with("tests/") || path.contains("/tests/") || path.contains("/benches/");
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    in_folder
        || modules.iter().any(|m| stem == m || stem.strip_prefix(m.as_str()).is_some_and(|rest| rest.starts_with('/')))
}

fn read_dir(dir: &Path, prefix: &str, texts: &mut Vec<(String, String)>) -> Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", dir.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().with_context(|| format!("cannot look at {name}"))?;
        let path = format!("{prefix}{name}");
        if SKIPPED.contains(&name.as_str()) {
            continue;
        } else if kind.is_dir() {
            read_dir(&entry.path(), &format!("{path}/"), texts)?;
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?;
            // What is not UTF-8 is no text.
            texts.extend(String::from_utf8(bytes).ok().map(|text| (path, text)));
        }
    }
    Ok(())
}

#[cfg(test)]
pub mod testing {
    //! Fixtures for the checks' tests.
    use super::*;

    /// A tree of one file.
    pub fn one(path: &str, text: &str) -> Tree {
        tree(&[(path, text)])
    }

    /// A tree of some files.
    pub fn tree(files: &[(&str, &str)]) -> Tree {
        let texts = files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect();
        Tree::parse(texts).expect("fixtures are Rust")
    }
}

#[cfg(test)]
mod tests {
    use super::testing::tree;
    use super::*;

    #[test]
    fn knows_test_code_by_attribute_file_and_folder() {
        let tree = tree(&[
            (
                "a/src/lib.rs",
                "mod x;\nfn f() {}\n#[cfg(test)]\nmod t {\n    fn g() {}\n}\n#[cfg(not(test))]\nfn h() {}\n",
            ),
            ("a/src/x.rs", "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod more;\n"),
            ("a/src/x/more/deep.rs", "fn f() {}"),
            ("a/src/x/tests.rs", "fn f() {}"),
            ("a/tests/t.rs", "fn f() {}"),
        ]);
        let is_test = |path: &str, line| {
            let (_, rust) = tree.rust().find(|(file, _)| file.path == path).expect("a fixture");
            rust.is_test(line)
        };
        assert!(!is_test("a/src/lib.rs", 2));
        assert!(is_test("a/src/lib.rs", 5));
        assert!(!is_test("a/src/lib.rs", 8));
        assert!(!is_test("a/src/x.rs", 5));
        assert!(is_test("a/src/x/tests.rs", 1));
        assert!(is_test("a/src/x/more/deep.rs", 1));
        assert!(is_test("a/tests/t.rs", 1));
    }

    #[test]
    fn the_innermost_function_counts() {
        let rust = Rust::parse("x.rs", "fn outer() {\n    fn inner() {\n        1;\n    }\n}\n").expect("Rust");
        assert_eq!(rust.function_at(3).map(|f| f.name.as_str()), Some("inner"));
        assert_eq!(rust.function_at(5).map(|f| f.name.as_str()), Some("outer"));
        assert!(rust.function_at(6).is_none());
    }

    #[test]
    fn loads_text_and_skips_the_rest() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("target")).expect("mkdir");
        fs::create_dir_all(dir.path().join("src")).expect("mkdir");
        fs::write(dir.path().join("target/x.rs"), "not rust").expect("write");
        fs::write(dir.path().join("src/lib.rs"), "//! A crate.\n").expect("write");
        fs::write(dir.path().join("packet.bin"), [0xff, 0xfe]).expect("write");
        let tree = Tree::load(dir.path()).expect("a tree");
        assert_eq!(tree.files().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["src/lib.rs"]);
    }
}
