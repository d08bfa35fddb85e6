//! The `#[alga::handler]` attribute.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Error, ItemFn, parse_macro_input};

/// Makes a function the extension's answer to every request.
///
/// The function takes an `alga::Request` and returns an `alga::Result<alga::Response>`. There is one in an extension; the component
/// then exports `wasi:http/incoming-handler`.
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    if !arguments.is_empty() || function.sig.inputs.len() != 1 || function.sig.asyncness.is_some() {
        let message = "write `#[alga::handler] fn handle(request: alga::Request) -> alga::Result<alga::Response>`";
        return Error::new_spanned(&function.sig, message).to_compile_error().into();
    }
    let name = &function.sig.ident;
    quote! {
        #function

        const _: () = {
            struct Component;

            impl ::alga::__private::Guest for Component {
                fn handle(request: ::alga::__private::IncomingRequest, out: ::alga::__private::ResponseOutparam) {
                    ::alga::__private::answer(#name, request, out);
                }
            }

            ::alga::__private::export!(Component with_types_in ::alga::__private::bindings);
        };
    }
    .into()
}
