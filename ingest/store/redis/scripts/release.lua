-- Give a lease back.
local lease = key('lease', args.name)
if call('HGET', lease, 'owner') == args.owner then
  call('DEL', lease)
end
