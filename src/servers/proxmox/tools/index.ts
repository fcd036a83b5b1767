import type { Tool } from '../tool.ts';
import { guestAgentInfo, guestExec, guestFile } from './agent.ts';
import { apiCall, apiSearch } from './api.ts';
import { backupJob } from './backup-jobs.ts';
import { createBackup, listBackups, protectBackup, verifyBackup } from './backups.ts';
import { cleanupOrphans, cleanupSnapshots } from './cleanup.ts';
import { cloneGuest, convertToTemplate } from './clone.ts';
import { cloudinit } from './cloud-init.ts';
import { clusterOverview } from './cluster-overview.ts';
import { networkDevice, updateConfig } from './config.ts';
import { createContainer, createVm } from './create.ts';
import { deleteGuest } from './delete.ts';
import { disk } from './disk.ts';
import { firewallRule, firewallRules } from './firewall.ts';
import { guestConfig, guestIps } from './guest-config.ts';
import { guestStatus } from './guest-status.ts';
import { ha, haStatus } from './ha.ts';
import { healthReport } from './health.ts';
import { listResources } from './list-resources.ts';
import { metrics } from './metrics.ts';
import { migrateGuest } from './migrate.ts';
import { nodeLogs, nodeNetwork, nodeStatus } from './nodes.ts';
import { power } from './power.ts';
import { deleteBackup, pruneBackups } from './prune.ts';
import { restoreBackup } from './restore.ts';
import { accessList, auditLog, listServers, whoami } from './session.ts';
import { createSnapshot, deleteSnapshot, listSnapshots, rollbackSnapshot } from './snapshots.ts';
import { downloadMedia, listStorage, storageContent } from './storage.ts';
import { listTasks, stopTask, task } from './tasks.ts';
import { exportTerraform } from './terraform.ts';

/** Every tool, in the order of docs/tools.md: what looks, then what changes, then what takes away. */
export const TOOLS: readonly Tool[] = [
  ...[clusterOverview, listResources, healthReport, listServers, whoami, auditLog],
  ...[nodeStatus, nodeLogs, nodeNetwork, metrics],
  ...[guestStatus, guestConfig, guestIps, guestAgentInfo, exportTerraform],
  ...[listStorage, storageContent, listBackups, listSnapshots],
  ...[listTasks, task, haStatus, firewallRules, accessList],
  ...[createSnapshot, rollbackSnapshot, deleteSnapshot],
  ...[createBackup, verifyBackup, restoreBackup, protectBackup, backupJob],
  ...[power, createVm, createContainer, cloneGuest, updateConfig, cloudinit, disk, networkDevice],
  ...[migrateGuest, convertToTemplate, deleteGuest, guestExec, guestFile, downloadMedia, stopTask, ha, firewallRule],
  ...[deleteBackup, pruneBackups, cleanupSnapshots, cleanupOrphans],
  ...[apiSearch, apiCall],
];
