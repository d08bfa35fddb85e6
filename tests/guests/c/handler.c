// Counts requests in a record, logs the number, and responds with it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "extension.h"

static extension_string_t text(const char *of) {
  extension_string_t string;
  extension_string_set(&string, of);
  return string;
}

// Responds with a text, which the caller of the handler frees.
static void respond(exports_alga_http_handler_response_t *response, uint16_t status, const char *body) {
  extension_string_t copy;
  extension_string_dup(&copy, body);
  response->status = status;
  response->fields.ptr = NULL;
  response->fields.len = 0;
  response->body.ptr = copy.ptr;
  response->body.len = copy.len;
}

bool exports_alga_http_handler_handle(exports_alga_http_handler_request_t *request,
                                      exports_alga_http_handler_response_t *response, extension_string_t *failure) {
  (void)failure;
  exports_alga_http_handler_request_free(request);
  extension_string_t namespace = text("counters"), key = text("requests");
  alga_storage_kv_option_entry_t found;
  alga_storage_kv_error_t error;
  if (!alga_storage_kv_get(&namespace, &key, &found, &error)) {
    respond(response, error.tag == ALGA_STORAGE_KV_ERROR_DENIED ? 403 : 503, "storage failed\n");
    alga_storage_kv_error_free(&error);
    return true;
  }
  char number[32];
  long count = 1;
  if (found.is_some) {
    snprintf(number, sizeof number, "%.*s", (int)found.val.value.len, (const char *)found.val.value.ptr);
    count += strtol(number, NULL, 10);
  }
  snprintf(number, sizeof number, "%ld", count);
  extension_list_u8_t value = {(uint8_t *)number, strlen(number)};
  alga_storage_kv_put_options_t options = {.if_revision = {true, found.is_some ? found.val.revision : 0}};
  alga_storage_kv_option_entry_free(&found);
  uint64_t revision;
  if (!alga_storage_kv_put(&namespace, &key, &value, &options, &revision, &error)) {
    respond(response, 409, "another request was faster\n");
    alga_storage_kv_error_free(&error);
    return true;
  }
  extension_string_t message = text("counted");
  alga_log_logger_field_t field = {text("number"), text(number)};
  alga_log_logger_list_field_t fields = {&field, 1};
  alga_log_logger_error_t refused;
  if (!alga_log_logger_emit(ALGA_LOG_LOGGER_LEVEL_INFO, &message, &fields, &refused)) alga_log_logger_error_free(&refused);
  printf("also written\n");
  respond(response, 200, number);
  return true;
}
