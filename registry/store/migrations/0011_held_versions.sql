-- 1: an operator has yanked the version, so its publisher cannot undo that.
ALTER TABLE extension_version ADD COLUMN is_held BIGINT NOT NULL DEFAULT 0;
