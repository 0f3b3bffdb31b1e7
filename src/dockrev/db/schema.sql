BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE "backups" (
	id VARCHAR NOT NULL, 
	host_id VARCHAR DEFAULT 'local' NOT NULL, 
	stack_id VARCHAR NOT NULL, 
	project VARCHAR NOT NULL, 
	job_id VARCHAR, 
	status VARCHAR NOT NULL, 
	created_at VARCHAR(27) NOT NULL, 
	finished_at VARCHAR(27), 
	artifact_path VARCHAR NOT NULL, 
	size_bytes INTEGER, 
	targets JSON NOT NULL, 
	error TEXT, 
	cleanup_after VARCHAR(27), 
	deleted_at VARCHAR(27), 
	CONSTRAINT pk_backups PRIMARY KEY (id), 
	CONSTRAINT fk_backups_host_id FOREIGN KEY(host_id) REFERENCES hosts (id), 
	CONSTRAINT fk_backups_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE SET NULL
);
CREATE TABLE digest_snapshots (
	repository VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	platform VARCHAR NOT NULL, 
	tags JSON NOT NULL, 
	former JSON NOT NULL, 
	checked_at VARCHAR(27) NOT NULL, 
	total INTEGER NOT NULL, 
	considered INTEGER NOT NULL, 
	ok INTEGER NOT NULL, 
	timeout INTEGER NOT NULL, 
	error INTEGER NOT NULL, 
	CONSTRAINT pk_digest_snapshots PRIMARY KEY (repository, digest, platform)
);
CREATE TABLE "discovered_projects" (
	host_id VARCHAR DEFAULT 'local' NOT NULL, 
	project VARCHAR NOT NULL, 
	stack_id VARCHAR, 
	status VARCHAR NOT NULL, 
	config_files JSON, 
	last_seen_at VARCHAR(27), 
	last_scan_at VARCHAR(27) NOT NULL, 
	last_error TEXT, 
	archived BOOLEAN NOT NULL, 
	archived_at VARCHAR(27), 
	archived_reason VARCHAR, 
	CONSTRAINT pk_discovered_projects PRIMARY KEY (host_id, project), 
	CONSTRAINT fk_discovered_projects_host_id FOREIGN KEY(host_id) REFERENCES hosts (id), 
	CONSTRAINT fk_discovered_projects_stack_id FOREIGN KEY(stack_id) REFERENCES stacks (id) ON DELETE SET NULL
);
CREATE TABLE hosts (
	id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	address VARCHAR, 
	CONSTRAINT pk_hosts PRIMARY KEY (id)
);
INSERT INTO "hosts" VALUES('local','local','local',NULL);
CREATE TABLE ignore_rules (
	id VARCHAR NOT NULL, 
	service_id VARCHAR NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	kind VARCHAR NOT NULL, 
	value TEXT NOT NULL, 
	note TEXT, 
	created_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_ignore_rules PRIMARY KEY (id), 
	CONSTRAINT fk_ignore_rules_service_id FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE
);
CREATE TABLE image_tags (
	repository VARCHAR NOT NULL, 
	tag VARCHAR NOT NULL, 
	digest VARCHAR, 
	checked_at VARCHAR(27), 
	error_code VARCHAR, 
	error_message TEXT, 
	error_at VARCHAR(27), 
	retry_at VARCHAR(27), digest_since VARCHAR(27), 
	CONSTRAINT pk_image_tags PRIMARY KEY (repository, tag)
);
CREATE TABLE inference_tasks (
	repository VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	platform VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	enqueued_at VARCHAR(27) NOT NULL, 
	started_at VARCHAR(27), 
	updated_at VARCHAR(27) NOT NULL, 
	attempts INTEGER NOT NULL, 
	not_before VARCHAR(27), raw_tags JSON DEFAULT '[]' NOT NULL, labels JSON DEFAULT '[]' NOT NULL, runs BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_inference_tasks PRIMARY KEY (repository, digest, platform)
);
CREATE TABLE job_logs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	job_id VARCHAR NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	level VARCHAR NOT NULL, 
	message TEXT NOT NULL, 
	is_progress BOOLEAN NOT NULL, seq INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT fk_job_logs_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE "jobs" (
	id VARCHAR NOT NULL, 
	type VARCHAR NOT NULL, 
	scope VARCHAR NOT NULL, 
	stack_id VARCHAR, 
	service_id VARCHAR, 
	status VARCHAR NOT NULL, 
	created_by VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	created_at VARCHAR(27) NOT NULL, 
	started_at VARCHAR(27), 
	finished_at VARCHAR(27), 
	allow_arch_mismatch BOOLEAN NOT NULL, 
	backup_mode VARCHAR NOT NULL, 
	summary JSON NOT NULL, 
	progress JSON, 
	cancel_requested BOOLEAN DEFAULT '0' NOT NULL, host_id VARCHAR DEFAULT 'local' NOT NULL, last_seq INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_jobs PRIMARY KEY (id)
);
CREATE TABLE manifests (
	digest VARCHAR NOT NULL, 
	children JSON NOT NULL, 
	learned_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_manifests PRIMARY KEY (digest)
);
CREATE TABLE registry_spend (
	host VARCHAR NOT NULL, 
	hour VARCHAR(27) NOT NULL, 
	requests INTEGER NOT NULL, 
	CONSTRAINT pk_registry_spend PRIMARY KEY (host, hour)
);
CREATE TABLE repository_tags (
	repository VARCHAR NOT NULL, 
	names JSON NOT NULL, 
	listed_at VARCHAR(27) NOT NULL, 
	complete_at VARCHAR(27), 
	CONSTRAINT pk_repository_tags PRIMARY KEY (repository)
);
CREATE TABLE "reservations" (
	service_id VARCHAR NOT NULL, 
	job_id VARCHAR NOT NULL, 
	CONSTRAINT pk_reservations PRIMARY KEY (service_id), 
	CONSTRAINT fk_reservations_service_id FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE, 
	CONSTRAINT fk_reservations_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE retention_runs (
	subject VARCHAR NOT NULL, 
	ran_at VARCHAR(27) NOT NULL, 
	deleted INTEGER NOT NULL, 
	duration_ms INTEGER NOT NULL, 
	error TEXT, 
	CONSTRAINT pk_retention_runs PRIMARY KEY (subject)
);
CREATE TABLE schedule_ticks (
	schedule VARCHAR NOT NULL, 
	last_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_schedule_ticks PRIMARY KEY (schedule)
);
CREATE TABLE "services" (
	id VARCHAR NOT NULL, 
	stack_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	image_ref VARCHAR, 
	builds BOOLEAN NOT NULL, 
	watched BOOLEAN NOT NULL, 
	runtime JSON NOT NULL, 
	config_digest VARCHAR DEFAULT '' NOT NULL, 
	auto_rollback BOOLEAN NOT NULL, 
	backup_targets JSON NOT NULL, 
	repo_url VARCHAR, 
	archived BOOLEAN NOT NULL, 
	archived_at VARCHAR(27), 
	archived_reason VARCHAR, 
	removed_at VARCHAR(27), 
	created_at VARCHAR(27) NOT NULL, 
	updated_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_services PRIMARY KEY (id), 
	CONSTRAINT uq_services_stack_id_name UNIQUE (stack_id, name), 
	CONSTRAINT fk_services_stack_id FOREIGN KEY(stack_id) REFERENCES stacks (id) ON DELETE CASCADE
);
CREATE TABLE settings (
	section VARCHAR NOT NULL, 
	value JSON NOT NULL, 
	updated_at VARCHAR(27) NOT NULL, 
	updated_by VARCHAR NOT NULL, 
	CONSTRAINT pk_settings PRIMARY KEY (section)
);
CREATE TABLE "stacks" (
	id VARCHAR NOT NULL, 
	host_id VARCHAR DEFAULT 'local' NOT NULL, 
	name VARCHAR NOT NULL, 
	compose_files JSON NOT NULL, 
	runtime_known BOOLEAN NOT NULL, 
	archived BOOLEAN NOT NULL, 
	archived_at VARCHAR(27), 
	archived_reason VARCHAR, 
	created_at VARCHAR(27) NOT NULL, 
	updated_at VARCHAR(27) NOT NULL, 
	last_check_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_stacks PRIMARY KEY (id), 
	CONSTRAINT uq_stacks_host_id_name UNIQUE (host_id, name), 
	CONSTRAINT fk_stacks_host_id FOREIGN KEY(host_id) REFERENCES hosts (id)
);
CREATE TABLE "suspended_containers" (
	host_id VARCHAR DEFAULT 'local' NOT NULL, 
	container_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	mode VARCHAR NOT NULL, 
	backup_id VARCHAR NOT NULL, 
	position INTEGER DEFAULT '0' NOT NULL, for_restore BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_suspended_containers PRIMARY KEY (container_id), 
	CONSTRAINT fk_suspended_containers_host_id FOREIGN KEY(host_id) REFERENCES hosts (id), 
	CONSTRAINT fk_suspended_containers_backup_id FOREIGN KEY(backup_id) REFERENCES backups (id) ON DELETE CASCADE
);
CREATE TABLE tag_facts (
	repository VARCHAR NOT NULL, 
	tag VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	children JSON NOT NULL, 
	seen_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_tag_facts PRIMARY KEY (repository, tag)
);
CREATE TABLE update_journal (
	job_id VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	step VARCHAR NOT NULL, 
	facts JSON NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_update_journal PRIMARY KEY (job_id, subject, step), 
	CONSTRAINT fk_update_journal_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE update_plans (
	job_id VARCHAR NOT NULL, 
	"plan" JSON NOT NULL, 
	CONSTRAINT pk_update_plans PRIMARY KEY (job_id), 
	CONSTRAINT fk_update_plans_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE INDEX ix_image_tags_retry_at ON image_tags (retry_at);
CREATE INDEX ix_job_logs_job_id_id ON job_logs (job_id, id);
CREATE INDEX ix_ignore_rules_service_id ON ignore_rules (service_id);
CREATE INDEX ix_tag_facts_digest ON tag_facts (digest);
CREATE INDEX ix_digest_snapshots_checked_at ON digest_snapshots (checked_at);
CREATE INDEX ix_digest_snapshots_digest ON digest_snapshots (digest);
CREATE INDEX ix_inference_tasks_digest ON inference_tasks (digest);
CREATE INDEX ix_jobs_status_type ON jobs (status, type);
CREATE INDEX ix_jobs_created_at_id ON jobs (created_at, id);
CREATE INDEX ix_backups_stack_id_created_at ON backups (stack_id, created_at);
CREATE INDEX ix_reservations_job_id ON reservations (job_id);
DELETE FROM "sqlite_sequence";
COMMIT;
