//! The `#[plugin]` attribute of plugin-abi. It reads names only, so it needs no parser of Rust.

mod arguments;

use arguments::Arguments;
use proc_macro::{Delimiter, TokenStream, TokenTree};

/// Exports an `impl Plugin for …` to the broker, with the hooks that are written in it.
///
/// The broker calls no other hook, so one that is not written costs nothing. A crate has one.
///
/// Arguments say what the plugin may call, beside what every plugin may, and need not all be there:
/// `#[plugin(wants = "publish kick", may_use = "kv", requires = "1.1")]`.
///
/// - `wants`: capabilities without which it is not loaded.
/// - `may_use`: capabilities that it can do without.
/// - `requires`: the versions of plugin-abi that the broker may have, as Cargo writes them; `1` by default.
///
/// Capabilities are `publish`, `kick`, `subscribe`, `read-clients`, `read-retained`, `write-retained`,
/// `kv` and `network`.
#[proc_macro_attribute]
pub fn plugin(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let export = Arguments::read(arguments)
        .and_then(|arguments| export(item.clone(), &arguments).map_err(str::to_owned));
    match export {
        Ok(export) => {
            let parts = [quote("#[allow(refining_impl_trait)]"), item, export, quote(ONLY_ONE)];
            parts.into_iter().collect()
        }
        // The item is kept, so that it is not reported as missing as well.
        Err(message) => [item, error(&message)].into_iter().collect(),
    }
}

/// `plugin_abi::export! { Type; wants "kick" "kv"; may_use; requires "1"; on_connect on_publish }`.
fn export(item: TokenStream, arguments: &Arguments) -> Result<TokenStream, &'static str> {
    const FORM: &str = "#[plugin] stands on `impl Plugin for Type { … }`";
    let tokens: Vec<TokenTree> = item.into_iter().collect();
    let Some((TokenTree::Group(body), head)) = tokens.split_last() else {
        return Err(FORM);
    };
    let start = head.iter().position(|token| is_ident(token, "impl")).ok_or(FORM)?;
    let head = head.get(start + 1..).unwrap_or_default();
    if head.first().is_some_and(|token| is_punct(token, '<')) {
        return Err("a plugin is one type: #[plugin] cannot stand on a generic `impl`");
    }
    let start = head.iter().position(|token| is_ident(token, "for")).ok_or(FORM)?;
    let plugin = head.get(start + 1..).unwrap_or_default();

    let mut export = quote("::plugin_abi::export!");
    let mut input: TokenStream = plugin.iter().cloned().collect();
    input.extend(quote(&arguments.to_string()));
    input.extend(hooks(body.stream()));
    export.extend([TokenTree::Group(proc_macro::Group::new(Delimiter::Brace, input))]);
    Ok(export)
}

/// The names of the hooks in the body of the `impl`, each with its `#[cfg]` before it.
///
/// A name that is no hook is left to the compiler, which names the one that it resembles.
fn hooks(body: TokenStream) -> TokenStream {
    let mut hooks = TokenStream::new();
    let mut cfgs = TokenStream::new();
    let mut tokens = body.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match (&token, tokens.peek()) {
            (TokenTree::Punct(_), Some(TokenTree::Group(attribute))) if is_cfg(attribute) => {
                cfgs.extend([token, TokenTree::Group(attribute.clone())]);
            }
            (TokenTree::Ident(_), Some(TokenTree::Ident(name))) if is_ident(&token, "fn") => {
                let cfgs = std::mem::take(&mut cfgs);
                if HOOKS.contains(&name.to_string().as_str()) {
                    hooks.extend(cfgs);
                    hooks.extend([TokenTree::Ident(name.clone())]);
                }
            }
            _ => {}
        }
    }
    hooks
}

fn is_cfg(attribute: &proc_macro::Group) -> bool {
    attribute.delimiter() == Delimiter::Bracket
        && attribute.stream().into_iter().next().is_some_and(|first| is_ident(&first, "cfg"))
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == name)
}

fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

/// Stands at the root of the crate whatever module it is written in, and so cannot stand twice.
const ONLY_ONE: &str =
    "#[doc(hidden)] #[macro_export] macro_rules! a_crate_has_one_plugin_only { () => {}; }";

fn error(message: &str) -> TokenStream {
    quote(&format!("::core::compile_error!({message:?});"))
}

fn quote(source: &str) -> TokenStream {
    source.parse().unwrap_or_default()
}

/// The hooks of `plugin_abi::Plugin`. `hook-log`, a plugin of the broker's tests, has all of them.
const HOOKS: &[&str] = &[
    "on_socket_open",
    "on_before_connect",
    "on_connect",
    "on_before_subscribe",
    "on_subscribe",
    "on_before_unsubscribe",
    "on_unsubscribe",
    "on_message",
    "on_before_publish",
    "on_publish",
    "on_disconnect",
    "on_auth",
    "on_will",
    "on_before_deliver",
    "on_delivered",
    "on_dropped",
    "on_session",
    "on_tick",
];
