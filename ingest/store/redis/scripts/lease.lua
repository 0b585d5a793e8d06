-- Take or renew a lease. Returns 1, or 0 when another owner has it. The server deletes expired leases later.
local lease = key('lease', args.name)
local owner, over = unpack(call('HMGET', lease, 'owner', 'until'))
if owner and owner ~= args.owner and tonumber(over) > args.now then
  return 0
end
call('HSET', lease, 'owner', args.owner, 'until', args.now + args.seconds)
call('EXPIRE', lease, math.ceil(args.seconds) + 600)
return 1
