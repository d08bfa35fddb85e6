//! Routes and their OpenAPI description in one list, so that every served operation is described
//! and every described operation is served. Schemas come from the types that handlers accept and
//! return.
//!
//! Written by hand: libraries that derive this from handlers require a trait on every extractor,
//! and do not support fallible bodies, tuple paths or streams.

use crate::RegistryDependencies;
use crate::authorization::authorize;
use alga_auth::{Extent, PrincipalKind, Right};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The media type of a body of raw bytes.
pub(crate) const BYTES: &str = "application/octet-stream";

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One method of one path.
pub(crate) struct Operation {
    method: &'static str,
    path: String,
    right: Right,
    summary: &'static str,
    body: Option<(&'static str, Value)>,
    accepts: Option<SchemaOf>,
    query: Option<SchemaOf>,
    headers: Vec<&'static str>,
    responses: Vec<(u16, Option<SchemaOf>)>,
}

/// Describes a successful status.
const fn description(status: u16) -> &'static str {
    match status {
        201 => "created",
        202 => "accepted; the change waits for consent",
        204 => "done; there is no content",
        304 => "not modified since the entity tag",
        _ => "success",
    }
}

impl Operation {
    pub(crate) fn new(method: &'static str, path: impl Into<String>, right: Right, summary: &'static str) -> Self {
        Self {
            method,
            path: path.into(),
            right,
            summary,
            body: None,
            accepts: None,
            query: None,
            headers: Vec::new(),
            responses: Vec::new(),
        }
    }

    /// Sets a JSON request body.
    pub(crate) fn accepts<T: JsonSchema>(mut self) -> Self {
        self.accepts = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// Sets a request body of another media type, as an OpenAPI media type object.
    pub(crate) fn accepts_media(mut self, kind: &'static str, media: Value) -> Self {
        self.body = Some((kind, media));
        self
    }

    /// Adds query parameters, one for each field of a struct.
    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(T::json_schema);
        self
    }

    /// Adds a required header that holds a number.
    pub(crate) fn number_header(mut self, name: &'static str) -> Self {
        self.headers.push(name);
        self
    }

    /// Adds a JSON response.
    pub(crate) fn responds<T: JsonSchema>(mut self, status: u16) -> Self {
        self.responses.push((status, Some(SchemaGenerator::subschema_for::<T>)));
        self
    }

    /// Adds a response without a body.
    pub(crate) fn responds_without_body(mut self, status: u16) -> Self {
        self.responses.push((status, None));
        self
    }

    fn describe(&self, generator: &mut SchemaGenerator) -> Value {
        let json_of = |schema: Schema| json!({ "application/json": { "schema": schema } });
        let mut responses = Map::new();
        for (status, schema) in &self.responses {
            let mut response = json!({ "description": description(*status) });
            if let (Some(schema), Some(response)) = (schema, response.as_object_mut()) {
                response.insert("content".to_owned(), json_of(schema(generator)));
            }
            responses.insert(status.to_string(), response);
        }
        responses.insert(
            "default".to_owned(),
            json!({ "$ref": "#/components/responses/Problem" }),
        );
        let mut described = json!({ "summary": self.summary, "security": security(self.right), "responses": responses, "parameters": self.parameters(generator) });
        if let (Some(body), Some(described)) = (self.describe_body(generator), described.as_object_mut()) {
            described.insert("requestBody".to_owned(), body);
        }
        described
    }

    fn describe_body(&self, generator: &mut SchemaGenerator) -> Option<Value> {
        if let Some(schema) = self.accepts {
            let content = json!({ "application/json": { "schema": schema(generator) } });
            return Some(json!({ "required": true, "content": content }));
        }
        let (kind, media) = self.body.as_ref()?;
        // A body of raw bytes may be empty, so it is not required.
        Some(json!({ "required": *kind != BYTES, "content": { *kind: media } }))
    }

    fn parameters(&self, generator: &mut SchemaGenerator) -> Vec<Value> {
        let named = self
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path = named.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }));
        let in_header = self.headers.iter().map(|name| {
            json!({ "name": name, "in": "header", "required": true, "schema": { "type": "integer", "minimum": 0 } })
        });
        let query = self.query.map(|schema| schema(generator).to_value());
        let fields = query
            .as_ref()
            .and_then(|schema| schema.get("properties"))
            .and_then(Value::as_object);
        let in_query = fields
            .into_iter()
            .flatten()
            .map(|(name, schema)| json!({ "name": name, "in": "query", "schema": schema }));
        in_path.chain(in_header).chain(in_query).collect()
    }
}

/// Returns the kinds of principal that have a right, as security requirements of which one must be
/// met.
fn security(right: Right) -> Vec<Value> {
    let kinds = PrincipalKind::ALL.into_iter();
    let having = kinds.filter(|kind| right.extent(*kind) != Extent::No);
    having.map(|kind| json!({ kind.as_str(): [] })).collect()
}

/// Describes the credentials of every kind of principal.
fn security_schemes() -> Value {
    let described = PrincipalKind::ALL.into_iter().map(|kind| {
        let description = match kind {
            PrincipalKind::Operator => "an operator: an API key, a user of an OpenID provider, or the bootstrap token",
            PrincipalKind::Publisher => "a publisher's API key, for the extensions whose names it has",
            PrincipalKind::TenantAdministrator => "an administrator of the tenant: an API key, or a user's token",
            PrincipalKind::TenantViewer => "a viewer of the tenant: an API key, or a user's token",
            PrincipalKind::Caller => "a caller of the tenant's extensions: an API key, or a user's token",
        };
        let scheme = json!({ "type": "http", "scheme": "bearer", "description": description });
        (kind.as_str().to_owned(), scheme)
    });
    Value::Object(described.collect())
}

/// An operation, as the table of rights lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiOperation {
    /// Method in lower case.
    pub method: &'static str,
    /// Path with parameters in braces.
    pub path: String,
    /// Right that the operation needs.
    pub right: Right,
    /// Summary of the operation.
    pub summary: &'static str,
}

/// A router and its OpenAPI document under construction.
pub(crate) struct Api {
    router: Router<Arc<RegistryDependencies>>,
    operations: Vec<ApiOperation>,
    paths: Map<String, Value>,
    generator: SchemaGenerator,
}

impl Api {
    pub(crate) fn new() -> Self {
        Self {
            router: Router::new(),
            operations: Vec::new(),
            paths: Map::new(),
            generator: SchemaGenerator::new(SchemaSettings::openapi3()),
        }
    }

    /// Adds an operation to the router and to the document.
    pub(crate) fn with(mut self, operation: Operation, handler: MethodRouter<Arc<RegistryDependencies>>) -> Self {
        let described = operation.describe(&mut self.generator);
        let Operation {
            path,
            method,
            right,
            summary,
            ..
        } = operation;
        let path_item = self.paths.entry(path.clone()).or_insert_with(|| json!({}));
        if let Some(path_item) = path_item.as_object_mut() {
            path_item.insert(method.to_owned(), described);
        }
        self.router = self
            .router
            .route(&path, handler.layer(from_fn_with_state(right, authorize)));
        self.operations.push(ApiOperation {
            method,
            path,
            right,
            summary,
        });
        self
    }

    /// Returns the operations in the order of the document.
    pub(crate) fn operations(self) -> Vec<ApiOperation> {
        self.operations
    }

    /// Returns the router and the OpenAPI 3.0 document that describes it.
    pub(crate) fn finish(mut self) -> (Router<Arc<RegistryDependencies>>, Value) {
        let problem = json!({
            "type": "object", "required": ["error", "message", "requestId"],
            "properties": {
                "error": { "type": "string", "description": "stable, machine-readable error code" }, "message": { "type": "string" },
                "requestId": { "type": "string" }, "hint": { "type": "string" },
            },
        });
        let document = json!({
            "openapi": "3.0.3",
            "info": { "title": "alga registry", "version": env!("CARGO_PKG_VERSION"), "description": "Publishing, uploads, versions, installs, secrets, executions, API keys, revocations, audit, garbage collection." },
            "paths": self.paths,
            "components": {
                "securitySchemes": security_schemes(),
                "responses": { "Problem": {
                    "description": "the error, and a hint on how to fix it", "content": { "application/json": { "schema": problem } },
                } },
                "schemas": self.generator.take_definitions(true),
            },
        });
        (self.router, document)
    }
}
