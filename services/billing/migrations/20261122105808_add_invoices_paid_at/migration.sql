-- AlterTable
ALTER TABLE "invoices" ADD COLUMN     "paid_at" TIMESTAMPTZ(3);

-- CreateIndex
CREATE INDEX "invoices_due_on_idx" ON "invoices"("due_on");
