-- Remove published messages from the outbox.
for _, number in ipairs(args.numbers) do
  drop_message(string.format('%016d', number))
end
