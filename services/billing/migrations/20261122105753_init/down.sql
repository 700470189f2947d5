-- Undoes 20261122105753_init.
-- proven: 1c358a560e136ac582a6666f36a6d6df5038150cd27da31de1b2fe081ed79b64
-- Loses: the table "customers" with all its rows.
-- Loses: the table "invoice_lines" with all its rows.
-- Loses: the table "invoices" with all its rows.

-- DropForeignKey
ALTER TABLE "invoices" DROP CONSTRAINT "invoices_customer_id_fkey";

-- DropForeignKey
ALTER TABLE "invoice_lines" DROP CONSTRAINT "invoice_lines_invoice_id_fkey";

-- DropTable
DROP TABLE "customers";

-- DropTable
DROP TABLE "invoices";

-- DropTable
DROP TABLE "invoice_lines";

-- DropEnum
DROP TYPE "invoice_status";
